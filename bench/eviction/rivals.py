"""Object and byte miss ratios of known policies over a trace, by libCacheSim.

    python3 -m venv venv && venv/bin/pip install libcachesim==0.3.5 numpy
    venv/bin/python bench/eviction/rivals.py mixed.trace 1 5 20

The numbers are cache sizes, in per cent of the bytes of all objects of the trace. A trace is
what `ringside-bench eviction generate` writes; `--twitter FILE.csv OUT.trace` makes one of the
first four million requests of libCacheSim's sample of Twitter's cluster 52.
"""

import sys

import libcachesim
import numpy

POLICIES = ["LRU", "LFU", "Sieve", "WTinyLFU", "S3FIFO", "ARC", "GDSF", "Belady", "BeladySize"]
REQUEST = numpy.dtype([("time", "<u4"), ("object", "<u8"), ("bytes", "<u4"), ("next", "<i8")])


def footprint(path):
    requests = numpy.fromfile(path, dtype=REQUEST)
    _, first = numpy.unique(requests["object"], return_index=True)
    return int(requests["bytes"][first].astype(numpy.int64).sum())


def twitter(source, out, most=4_000_000):
    objects, sizes = [], []
    with open(source) as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            fields = line.split(",")
            objects.append(int(fields[1]))
            sizes.append(int(fields[2]))
            if len(objects) == most:
                break
    requests = numpy.zeros(len(objects), dtype=REQUEST)
    requests["time"] = numpy.arange(len(objects))
    requests["object"] = numpy.array(objects, dtype=numpy.uint64)
    requests["bytes"] = sizes
    requests["next"] = -1
    order = numpy.argsort(requests["object"], kind="stable")
    same = requests["object"][order][1:] == requests["object"][order][:-1]
    requests["next"][order[:-1][same]] = order[1:][same]
    requests.tofile(out)


def main():
    if sys.argv[1] == "--twitter":
        twitter(sys.argv[2], sys.argv[3])
        return
    path = sys.argv[1]
    whole = footprint(path)
    print("percent\tbytes\tpolicy\tobject miss ratio\tbyte miss ratio")
    for percent in map(int, sys.argv[2:]):
        size = whole * percent // 100
        for policy in POLICIES:
            kind = libcachesim.TraceType.ORACLE_GENERAL_TRACE
            reader = libcachesim.TraceReader(path, trace_type=kind)
            objects, of_bytes = getattr(libcachesim, policy)(size).process_trace(reader)
            print(f"{percent}\t{size}\t{policy}\t{objects:.4f}\t{of_bytes:.4f}", flush=True)


main()
