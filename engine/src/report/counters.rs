//! How numbers are grouped for the operator.

/// Upper bounds of the latency buckets, in microseconds, each included; above the last there is
/// one bucket more. About three a decade, from a hit in memory to an origin at its timeout.
pub const BUCKETS_US: [u64; 18] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 60_000_000,
];

const _: () = {
    let mut at = 1;
    while at < BUCKETS_US.len() {
        assert!(BUCKETS_US[at - 1] < BUCKETS_US[at], "bounds rise");
        at += 1;
    }
};
