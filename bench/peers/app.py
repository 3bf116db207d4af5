"""A CDK app with one stack: `python app.py <a function of stacks.py> <count> <cdk.out>`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import aws_cdk as cdk

from bench.peers.stacks import BY_NAME

if __name__ == "__main__":
    name, count, folder = sys.argv[1:]
    app = cdk.App(outdir=folder)
    BY_NAME[name](cdk.Stack(app, "Certificates"), int(count))
    app.synth()
