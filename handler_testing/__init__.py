"""Run the handler against fakes of the services it calls, in tests and benchmarks.

The packaged handler runs in a separate process (`packaged_function`), or the handler's source in
this process (`in_process_function`). An `environment` has a fake API Gateway and CloudFormation.
"""
