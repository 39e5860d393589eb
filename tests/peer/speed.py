#!/usr/bin/env python3
"""Our speed against PyTorch on the same cores: the same graph, batch and
precision, runs of the two in turn, medians.  See README.md in this folder."""

import argparse
import json
import os
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F

from nets import Net

NETS = ("lenet-300-100", "lenet-5", "conv-4", "resnet-mini", "mobilenet-mini")


def ours(program, net, mode, batch, threads, seconds):
    out = subprocess.run([program, "--json", net, mode, str(batch),
                          str(threads), str(seconds)],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)["samples_per_second"]


class Twin:
    """One PyTorch variant of a net, ready to be timed."""

    def __init__(self, spec, mode, batch, variant):
        torch.manual_seed(1)
        self.mode, self.batch = mode, batch
        self.net = Net(spec)
        shape = self.net.input
        count = max(2048, batch)
        self.x = torch.rand((count,) + shape)
        if len(shape) == 3:
            self.x = self.x.permute(0, 3, 1, 2).contiguous()
            if "last" in variant:
                self.net = self.net.to(memory_format=torch.channels_last)
                self.x = self.x.contiguous(memory_format=torch.channels_last)
        elif shape == (784,):
            self.x = self.x.reshape(count, -1)
        self.y = torch.randint(0, 10, (count,))
        self.call = torch.compile(self.net) if "compile" in variant else self.net
        self.optim = torch.optim.SGD(self.net.parameters(), lr=0.01, momentum=0.9)
        self.net.train(mode == "train")
        self.at = 0

    def step(self):
        rows = slice(self.at, self.at + self.batch)
        self.at = (self.at + self.batch) % (len(self.x) - self.batch + 1)
        if self.mode == "infer":
            with torch.inference_mode():
                return self.call(self.x[rows])
        self.optim.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.call(self.x[rows]), self.y[rows])
        loss.backward()
        self.optim.step()

    def rate(self, seconds):
        steps, start = 0, time.perf_counter()
        while True:
            self.step()
            steps += 1
            spent = time.perf_counter() - start
            if spent >= seconds:
                return steps * self.batch / spent


def variants(spec, mode, batch, wanted):
    """Every variant that runs here, warmed up."""
    made = {}
    for name in wanted:
        try:
            twin = Twin(spec, mode, batch, name)
            for _ in range(3):
                twin.step()
            made[name] = twin
        except Exception as why:  # torch.compile may lack a compiler
            print("#   %s does not run here: %s" % (name, str(why).split("\n")[0]))
    return made


def compare(args, net, mode, batch):
    spec = subprocess.run([args.program, "--spec", net], check=True,
                          capture_output=True, text=True).stdout
    twins = variants(spec, mode, batch, args.variants.split(","))
    rates = {name: [] for name in twins}
    mine = []
    for _ in range(args.rounds):
        mine.append(ours(args.program, net, mode, batch, args.threads, args.seconds))
        for name, twin in twins.items():
            rates[name].append(twin.rate(args.seconds))
    best = max(rates, key=lambda name: statistics.median(rates[name]))
    ratios = [a / b for a, b in zip(mine, rates[best])]
    print("%-15s %-5s %5d %11.0f %11.0f  %6.2fx  (%.2f..%.2f)  %s" %
          (net, mode, batch, statistics.median(mine),
           statistics.median(rates[best]), statistics.median(ratios),
           min(ratios), max(ratios), best), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="build/bench_speed")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--batches", default="1,64,256")
    parser.add_argument("--modes", default="train,infer")
    parser.add_argument("--variants", default="eager,eager-last,compile,compile-last")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print("# PyTorch %s, %d threads, medians of %d rounds in turn" %
          (torch.__version__, args.threads, args.rounds))
    print("%-15s %-5s %5s %11s %11s  %7s" %
          ("net", "mode", "batch", "ours/s", "PyTorch/s", "ratio"))
    for net in args.nets.split(","):
        for mode in args.modes.split(","):
            for batch in args.batches.split(","):
                compare(args, net, mode, int(batch))


if __name__ == "__main__":
    main()
