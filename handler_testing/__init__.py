"""What the tests and the benchmarks share: the handler, and fakes of the services it calls.

The handler runs as its package in a process of its own (`packaged_function`) or in this process
(`in_process_function`), in an `environment` with a fake API Gateway and a fake CloudFormation.
"""
