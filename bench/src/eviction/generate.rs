//! Traces made from a seed, each for one habit of requests that caches meet.
//!
//! **Sizes** are those of Barford and Crovella, "Generating representative web workloads for
//! network and server performance evaluation" (SIGMETRICS 1998): 93 of 100 objects lognormal with
//! mu 9.357 and sigma 1.318, the others Pareto with k 133 000 and alpha 1.1, here no larger than
//! 8 MiB. An object's size does not depend on how often it is asked for.
//!
//! **Popularity** is Zipf's: the object of rank r is asked for in proportion to 1 / r^alpha.

use super::trace::{ask, Trace};
use clap::ValueEnum;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Objects that popularity is spread over.
const OBJECTS: u64 = 200_000;
/// Largest object.
const BYTES_MAX: f64 = (8 << 20) as f64;

/// What a trace is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Zipf with alpha 0.8, nothing else
    #[value(name = "zipf-0.8")]
    Zipf08,
    /// Zipf with alpha 0.9
    #[value(name = "zipf-0.9")]
    Zipf09,
    /// Zipf with alpha 1.1
    #[value(name = "zipf-1.1")]
    Zipf11,
    /// Zipf 0.9 whose objects are replaced by new ones, each after 400 000 requests on average
    Drift,
    /// Zipf 0.9, and every fourth request is a crawler's, who asks for all objects in turn
    Scan,
    /// Zipf 0.9, and four of ten requests are for something that never comes again
    Wonders,
    /// New objects only, each asked for some times soon after it came: 1 / n^1.5 of them n times
    Bursts,
    /// All of it: half drift, a quarter bursts, a fifth wonders, the rest a crawler
    Mixed,
}

/// Makes a trace of about so many requests.
pub(super) fn generate(kind: Kind, requests: usize, seed: u64) -> Trace {
    let mut source = Source::new(kind, seed);
    let mut trace = Trace::with_capacity(requests + 16);
    while trace.len() < requests {
        let object = source.next();
        ask(&mut trace, object, size_of_object(object, seed));
    }
    trace
}

/// Where the next request comes from.
struct Source {
    kind: Kind,
    chance: Chance,
    zipf: Zipf,
    number: u64,
    crawler: u64,
    fresh: u64,
    /// Of each rank: who has it, and until when.
    ranks: Vec<(u64, u64)>,
    /// When an object is asked for again, which, how often still, and after how long on average.
    bursts: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
}

/// Requests that an object keeps its rank for, on average.
const LIFE: f64 = 400_000.0;

impl Source {
    fn new(kind: Kind, seed: u64) -> Source {
        let alpha = match kind {
            Kind::Zipf08 => 0.8,
            Kind::Zipf11 => 1.1,
            _ => 0.9,
        };
        let mut chance = Chance(seed);
        let ranks = (0..OBJECTS).map(|object| (object, chance.after(LIFE)));
        let ranks = ranks.collect();
        Source {
            kind,
            chance,
            zipf: Zipf::new(alpha),
            number: 0,
            crawler: 0,
            fresh: OBJECTS,
            ranks,
            bursts: BinaryHeap::new(),
        }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        let of_100 = self.chance.next() % 100;
        match self.kind {
            Kind::Zipf08 | Kind::Zipf09 | Kind::Zipf11 => self.popular(),
            Kind::Drift => self.drifting(),
            Kind::Scan if of_100 < 25 => self.crawled(),
            Kind::Wonders if of_100 < 40 => self.new_object(),
            Kind::Scan | Kind::Wonders => self.popular(),
            Kind::Bursts => self.bursting(),
            Kind::Mixed => match of_100 {
                0..50 => self.drifting(),
                50..75 => self.bursting(),
                75..95 => self.new_object(),
                _ => self.crawled(),
            },
        }
    }

    fn popular(&mut self) -> u64 {
        self.zipf.rank(self.chance.even()) as u64
    }

    fn drifting(&mut self) -> u64 {
        let rank = self.zipf.rank(self.chance.even());
        if self.ranks[rank].1 < self.number {
            let object = self.new_object();
            self.ranks[rank] = (object, self.number + self.chance.after(LIFE));
        }
        self.ranks[rank].0
    }

    fn crawled(&mut self) -> u64 {
        self.crawler = (self.crawler + 1) % OBJECTS;
        self.crawler
    }

    fn new_object(&mut self) -> u64 {
        self.fresh += 1;
        self.fresh
    }

    fn bursting(&mut self) -> u64 {
        let due = self.bursts.peek().filter(|due| due.0 .0 <= self.number);
        let (object, left, gap) = match due.copied() {
            Some(Reverse((_, object, left, gap))) => {
                self.bursts.pop();
                (object, left, gap)
            }
            None => {
                // Pareto: more than n of them with 1 / n^0.5, at most 2000.
                let even = self.chance.even().max(1e-9);
                let times = even.powf(-2.0).min(2000.0) as u32;
                let gap = (200.0 * (self.chance.normal() * 1.5).exp() * 20.0) as u32;
                (self.new_object(), times - 1, gap.max(1))
            }
        };
        if left > 0 {
            let at = self.number + self.chance.after(f64::from(gap));
            self.bursts.push(Reverse((at, object, left - 1, gap)));
        }
        object
    }
}

/// Bytes of an object: always the same for the same number and seed.
fn size_of_object(object: u64, seed: u64) -> u64 {
    let mut chance = Chance(seed ^ object.wrapping_mul(0xD6E8_FEB8_6659_FD93));
    let bytes = if chance.next() % 100 < 93 {
        (9.357 + 1.318 * chance.normal()).exp()
    } else {
        133_000.0 * chance.even().max(1e-12).powf(-1.0 / 1.1)
    };
    bytes.clamp(1.0, BYTES_MAX) as u64
}

/// Ranks by Zipf's law.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(alpha: f64) -> Zipf {
        let mut sum = 0.0;
        let sums = (1..=OBJECTS).map(|rank| {
            sum += (rank as f64).powf(-alpha);
            sum
        });
        Zipf(sums.collect())
    }

    /// The rank at this part of the whole, from 0 on.
    fn rank(&self, part: f64) -> usize {
        let whole = self.0.last().copied().unwrap_or(0.0);
        self.0
            .partition_point(|sum| *sum < part * whole)
            .min(self.0.len() - 1)
    }
}

/// Numbers from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let n = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ n >> 31
    }

    /// From 0 to just below 1.
    fn even(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential, rounded up.
    fn after(&mut self, mean: f64) -> u64 {
        (-(1.0 - self.even()).ln() * mean) as u64 + 1
    }

    /// Normal with variance 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.even()).ln()).sqrt();
        radius * (self.even() * std::f64::consts::TAU).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_seed_makes_one_trace() {
        for kind in Kind::value_variants() {
            let trace = generate(*kind, 5_000, 1);
            assert_eq!(trace, generate(*kind, 5_000, 1), "{kind:?}");
            assert_ne!(trace, generate(*kind, 5_000, 2), "{kind:?}");
            let mut sizes = HashMap::new();
            for request in trace {
                let bytes = *sizes.entry(request.object).or_insert(request.bytes);
                assert_eq!(bytes, request.bytes, "an object has one size");
            }
        }
    }

    #[test]
    fn sizes_are_those_of_the_paper() {
        let mut sizes: Vec<u64> = (0..100_000)
            .map(|object| size_of_object(object, 1))
            .collect();
        sizes.sort_unstable();
        // The median of the body is e^9.357 = 11 580; the tail lifts it a little.
        let median = sizes[50_000];
        assert!((12_000..14_500).contains(&median), "{median}");
        let tail = sizes.iter().filter(|bytes| **bytes > 133_000).count();
        assert!((7_500..11_500).contains(&tail), "{tail}");
    }

    #[test]
    fn popularity_is_zipfs() {
        let mut counts = HashMap::new();
        let mut source = Source::new(Kind::Zipf09, 1);
        for _ in 0..200_000 {
            *counts.entry(source.next()).or_insert(0.0) += 1.0;
        }
        let ratio = counts[&0] / counts[&9];
        assert!((6.5..9.5).contains(&ratio), "10^0.9 is 7.9, not {ratio}");
    }
}
