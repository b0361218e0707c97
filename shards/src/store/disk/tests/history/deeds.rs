//! What is done to the cache: stored, read, killed, decreed; and what each must mean for the model.

use super::model::Safe;
use super::{snapshot, History, KEYS, VARIANTS};
use crate::rt;
use crate::store::disk::tests::kit::*;
use ringside_engine::store::disk::{variant_bits, KillForce};
use std::fmt::Write as _;

impl History {
    pub(super) async fn store(&mut self, key: u64, variant: u64, bytes: usize, kills: bool) {
        self.versions += 1;
        let like = Like {
            key,
            variant,
            version: self.versions,
            bytes,
        };
        let cache = self.process.cache.clone();
        let object = like.object(self.budget, self.now);
        if kills {
            // As memory does with what replaces a variant.
            drop(cache.kill(like.key(), Some(object.variant_bits()), KillForce::Hard));
        }
        cache.offer(&object, true);
        let is_taken = object.disk_page() != 0;
        self.say(format_args!(
            "store {like:?} kills {kills}: page {}",
            object.disk_page()
        ));
        let model = &mut *self.model.borrow_mut();
        let held = model.held.entry((key, variant)).or_default();
        held.touched += 1;
        if kills || is_taken {
            held.floor = held.newest;
        }
        held.newest = like.version;
        if is_taken {
            held.taken.insert(like.version, bytes);
        }
    }

    /// Every variant of every key is read, as far as the device goes on.
    pub(super) async fn ask_all(&mut self) {
        for key in 0..KEYS {
            for variant in 0..VARIANTS {
                self.read_one(key, variant).await;
                self.device.step();
            }
        }
    }

    pub(super) async fn read(&mut self) {
        let (key, variant) = self.some();
        self.read_one(key, variant).await;
    }

    async fn read_one(&mut self, key_: u64, variant: u64) {
        let (cache, model, story) = (
            self.process.cache.clone(),
            self.model.clone(),
            self.story.clone(),
        );
        let life = self.device.life();
        let device = self.device.clone();
        let read = async move {
            let selects = wants(variant);
            let object = cache.read(key(key_), &selects, &|_| {}).await;
            if device.life() != life {
                return;
            }
            let model = &mut *model.borrow_mut();
            let Some(object) = object else {
                model.totals.misses += 1;
                return;
            };
            let like = Like::of(&object);
            let _ = writeln!(story.borrow_mut(), "read {like:?}");
            assert_eq!((like.key, like.variant), (key_, variant));
            let held = &model.held[&(key_, variant)];
            if like.version <= held.floor {
                let inner = cache.logs[0].inner.borrow();
                let found: Vec<_> = inner.places.find(key(key_)).collect();
                eprintln!(
                    "page {} of {found:?}, slots {:?}",
                    object.disk_page(),
                    inner.slots
                );
            }
            assert!(
                like.version > held.floor,
                "{like:?} was killed or replaced: {held:?}"
            );
            assert_eq!(held.taken.get(&like.version), Some(&like.bytes));
            if object.facts.is_fresh(cache.logs[0].now.get()) {
                assert!(like.version > held.soft, "{like:?} is stale: {held:?}");
            } else {
                assert!(
                    like.version <= held.soft_ever,
                    "{like:?} is fresh: {held:?}"
                );
            }
            model.totals.hits += 1;
        };
        rt::spawn(read, self.failed());
        breathe().await;
    }

    pub(super) fn kill(&mut self) {
        let (key_, variant) = self.some();
        let of = (!self.dice.once_in(3)).then_some(variant);
        let force = match self.dice.once_in(3) {
            true => KillForce::Soft,
            false => KillForce::Hard,
        };
        let bits = of.map(|variant| variant_bits(variant, variant != 0));
        let (cache, model) = (self.process.cache.clone(), self.model.clone());
        let before = self.all_records();
        let noted = || cache.logs[0].inner.borrow().kills.noted.count;
        let noted_before = noted();
        let kept = cache.kill(key(key_), bits, force);
        // Otherwise it waits for an older one at most.
        let is_noted = noted() > noted_before;
        let mut killed = Vec::new();
        for (name, held) in &mut model.borrow_mut().held {
            if name.0 == key_ && of.is_none_or(|of| of == name.1) {
                held.touched += 1;
                match force {
                    KillForce::Hard => held.floor = held.newest,
                    KillForce::Soft => {
                        held.soft = held.newest;
                        held.soft_ever = held.newest;
                    }
                }
                killed.push((*name, held.newest));
            }
        }
        let waits = !self.dice.once_in(4);
        self.say(format_args!("kill {key_} {of:?} {force:?}, waits: {waits}"));
        if !waits {
            return;
        }
        let (life, device, story) = (self.device.life(), self.device.clone(), self.story.clone());
        let wait = async move {
            let result = kept.await;
            if device.life() != life {
                return;
            }
            let _ = writeln!(story.borrow_mut(), "kill {killed:?}: {result:?}");
            let model = &mut *model.borrow_mut();
            if result.is_err() {
                model.totals.refused += 1;
                return;
            }
            model.totals.acknowledged += 1;
            for (name, newest) in killed {
                let held = model.held.entry(name).or_default();
                let floor = match force {
                    KillForce::Hard => &mut held.safe_floor,
                    KillForce::Soft => &mut held.safe_soft,
                };
                *floor = newest.max(*floor);
            }
            // Where it was noted, all that was written before is safe with it.
            if is_noted {
                model.safe.extend(before);
            }
        };
        rt::spawn(wait, self.failed());
    }

    /// What the index has now.
    fn all_records(&self) -> Vec<Safe> {
        let model = self.model.borrow();
        let log = &self.process.cache.logs[0];
        let inner = log.inner.borrow();
        let mut out = Vec::new();
        for (name, held) in &model.held {
            let bits = variant_bits(name.1, name.1 != 0);
            for found in inner.places.find(key(name.0)) {
                let slot = log.layout.slot_of(found.page) as usize;
                if found.variant == bits && !found.soft {
                    out.push(Safe {
                        name: *name,
                        page: found.page,
                        seq: inner.slots[slot].seq,
                        touched: held.touched,
                    });
                }
            }
        }
        out
    }

    pub(super) fn edict(&mut self) {
        self.versions += 1;
        let id = self.versions;
        let model = self.model.clone();
        model.borrow_mut().edicts.insert(id);
        // Those that were refused before are noted again when the device is back.
        let known = model.borrow().edicts.clone();
        // Some are long, so that areas fill up.
        let mut statement = id.to_le_bytes().to_vec();
        if self.dice.once_in(2) {
            statement = statement.repeat(1000);
        }
        let before = self.all_records();
        let kept = self.process.cache.edict(statement, &snapshot(&self.model));
        self.say(format_args!("edict {id}"));
        let (life, device, story) = (self.device.life(), self.device.clone(), self.story.clone());
        let wait = async move {
            let result = kept.await;
            if device.life() == life {
                let _ = writeln!(story.borrow_mut(), "edict {id}: {result:?}");
                if result.is_ok() {
                    let model = &mut *model.borrow_mut();
                    model.safe_edicts.extend(known);
                    // It was written behind all that was there.
                    model.safe.extend(before);
                }
            }
        };
        rt::spawn(wait, self.failed());
    }
}
