#!/usr/bin/env python3
"""Our speed against PyTorch on the same cores: the same graph, batch and
precision, runs of the two in turn, medians.  See README.md in this folder."""

import argparse
import json
import os
import statistics
import subprocess
import time

import h5py
import torch
import torch.nn.functional as F

from nets import Net

NETS = ("lenet-300-100", "lenet-5", "conv-4", "resnet-mini", "mobilenet-mini")


def ours(args, net, mode, batch):
    out = subprocess.run([args.program, "one", net, mode, str(batch),
                          str(args.threads), str(args.seconds),
                          args.optimiser, args.data],
                         check=True, capture_output=True, text=True).stdout
    made = json.loads(out)
    return made["per_cpu_second" if args.cpu else "samples_per_second"]


def pictures(shape, count, data):
    """The same pictures that our side reads: digits where they fit."""
    if shape[0] != 28 or data == "noise":
        return torch.rand((count,) + shape), torch.randint(0, 10, (count,))
    with h5py.File("data/mnist.h5") as f:
        x = torch.from_numpy(f["x_train"][:count]).float() / 255
        return x.reshape((count,) + shape), torch.from_numpy(f["y_train"][:count]).long()


def make_optimiser(name, parameters):
    if name == "adam":
        return torch.optim.Adam(parameters, lr=1e-4, fused=True)
    return torch.optim.SGD(parameters, lr=1e-4, fused=True,
                           momentum=0.9 if name == "momentum" else 0.0)


def compiled(net, variant):
    """Frozen: compiled with weights as constants, laid out once for answers."""
    if "frozen" in variant:
        return torch.compile(net, options={"freezing": True})
    return torch.compile(net) if "compile" in variant else net


class Twin:
    """One PyTorch variant of a net, ready to be timed."""

    def __init__(self, spec, mode, batch, variant, args):
        torch.manual_seed(1)
        self.mode, self.batch = mode, batch
        self.net = Net(spec)
        shape = self.net.input
        count = max(2048, batch)
        self.x, self.y = pictures(shape, count, args.data)
        if len(shape) == 3:
            self.x = self.x.permute(0, 3, 1, 2).contiguous()
            if "last" in variant:
                self.net = self.net.to(memory_format=torch.channels_last)
                self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.call = compiled(self.net, variant)
        self.optim = make_optimiser(args.optimiser, self.net.parameters())
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

    def rate(self, seconds, clock):
        steps, start, cpu = 0, time.perf_counter(), clock()
        while True:
            self.step()
            steps += 1
            if time.perf_counter() - start >= seconds:
                return steps * self.batch / (clock() - cpu)


def variants(spec, mode, batch, args):
    """Every variant that runs here, warmed up."""
    made = {}
    torch._dynamo.reset()  # it compiles a function for eight nets at most
    for name in args.variants.split(","):
        if "frozen" in name and mode == "train":
            continue
        try:
            twin = Twin(spec, mode, batch, name, args)
            for _ in range(3):
                twin.step()
            made[name] = twin
        except Exception as why:  # torch.compile may lack a compiler
            print("#   %s does not run here: %s" % (name, str(why).split("\n")[0]))
    return made


def compare(args, net, mode, batch):
    spec = subprocess.run([args.program, "spec", net], check=True,
                          capture_output=True, text=True).stdout
    twins = variants(spec, mode, batch, args)
    rates = {name: [] for name in twins}
    clock = time.process_time if args.cpu else time.perf_counter
    mine = []
    for _ in range(args.rounds):
        mine.append(ours(args, net, mode, batch))
        for name, twin in twins.items():
            rates[name].append(twin.rate(args.seconds, clock))
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
    parser.add_argument("--variants", default="eager,eager-last,compile,compile-last,"
                        "frozen,frozen-last")
    parser.add_argument("--optimiser", default="adam",
                        choices=("adam", "momentum", "sgd"))
    parser.add_argument("--data", default="digits", choices=("digits", "noise"))
    parser.add_argument("--cpu", action="store_true",
                        help="samples a second of processor time: for a machine"
                        " that others use too; with --threads 1")
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
