//! One client of the load: questions, purges and reloads by dice, until the server is gone.

use super::content::{Content, Dice};
use super::world::{place_of, World, PLACES, URLS};
use ringside_tests::{Ask, Client, Reply};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::PoisonError;

pub(crate) struct Load<'a> {
    world: &'a World,
    dice: Dice,
    port: u16,
    admin: u16,
    client: Option<Client>,
    /// Versions seen last, by URL.
    seen: Vec<u32>,
}

/// The server is gone, or going.
struct Gone;

impl<'a> Load<'a> {
    pub(crate) fn new(world: &'a World, dice: Dice, port: u16, admin: u16) -> Self {
        Load {
            world,
            dice,
            port,
            admin,
            client: None,
            seen: vec![0; URLS],
        }
    }

    /// Asks until it is over, or the server is gone.
    pub(crate) fn run(&mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let url = self.dice.popular(URLS);
            let step = match self.dice.below(1000) {
                0..=729 => self.get(url),
                730..=849 => self.part(url),
                850..=899 => self.compare(url),
                900..=939 => self.reload(url),
                940..=959 => {
                    self.world.bump(url);
                    Ok(())
                }
                960..=989 => self.purge_url(url),
                990..=996 => self.post(url),
                _ => self.purge_many(),
            };
            if step.is_err() {
                // The main thread may not have said so yet; or it is over otherwise.
                while !over.load(Ordering::Relaxed) {
                    let gone = Client::try_connect(self.port).is_err();
                    if !gone {
                        break;
                    }
                    std::thread::yield_now();
                }
            }
        }
    }

    /// Sends a request and reads what comes; a connection that ended is replaced the next time.
    fn exchange(&mut self, ask: &Ask) -> Result<Reply, Gone> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::try_connect(self.port).map_err(|_| Gone)?,
        };
        let client = self.client.insert(client);
        let reply = client.send(ask.bytes()).reply_if_any();
        if !reply
            .as_ref()
            .is_some_and(|r| r.complete && r.keeps_alive())
        {
            self.client = None;
        }
        reply.ok_or(Gone)
    }

    fn ask(&mut self, url: usize) -> Ask {
        Ask::get(&self.world.path(url))
    }

    /// Sends it beside others, and checks what comes.
    fn look(&mut self, url: usize, ask: &Ask) -> Result<(), Gone> {
        let world = self.world;
        let lock = world.reloading(url);
        let _beside = lock.read().unwrap_or_else(PoisonError::into_inner);
        let floor = world.floor(url);
        let reply = self.exchange(ask)?;
        if let Some(version) = world.check(url, floor, &reply) {
            self.seen[url] = version;
        }
        Ok(())
    }

    fn get(&mut self, url: usize) -> Result<(), Gone> {
        let ask = self.ask(url);
        self.look(url, &ask)
    }

    fn part(&mut self, url: usize) -> Result<(), Gone> {
        let len = Content::of(url, self.seen[url]).len();
        let first = self.dice.below(len);
        let last = match self.dice.below(3) {
            0 => String::new(),
            1 => (first + self.dice.below(100)).to_string(),
            _ => (first + self.dice.below(len)).to_string(),
        };
        let ask = self
            .ask(url)
            .field("Range", format!("bytes={first}-{last}"));
        self.look(url, &ask)
    }

    fn compare(&mut self, url: usize) -> Result<(), Gone> {
        let tag = format!("\"{url}-{}\"", self.seen[url]);
        let ask = self.ask(url).field("If-None-Match", tag);
        self.look(url, &ask)
    }

    /// A reload that was answered in full, and is stored, has replaced what was older.
    fn reload(&mut self, url: usize) -> Result<(), Gone> {
        let world = self.world;
        let lock = world.reloading(url);
        let _alone = lock.write().unwrap_or_else(PoisonError::into_inner);
        let version = world.bump(url);
        let mut ask = self.ask(url).field("Cache-Control", "no-cache");
        if self.dice.percent(20) {
            ask = ask.field("Range", "bytes=0-99");
        }
        let reply = self.exchange(&ask)?;
        let seen = world.check(url, version, &reply);
        // Who has a part has it before all of it is stored.
        let is_whole = reply.status == 200 && reply.complete;
        if is_whole && reply.status_told().stored {
            world.raise(url, seen.unwrap_or(version), "reloaded");
        }
        Ok(())
    }

    fn post(&mut self, url: usize) -> Result<(), Gone> {
        let version = self.world.bump(url);
        let ask = Ask::post(&self.world.path(url), "x");
        let reply = self.exchange(&ask)?;
        if reply.status == 200 && reply.complete {
            self.world.forget(url);
            self.world.raise(url, version, "invalidated");
        }
        Ok(())
    }

    fn purge_url(&mut self, url: usize) -> Result<(), Gone> {
        let name = format!("url=http%3A%2F%2Fringside.test{}", self.world.path(url));
        self.purge(&name, &[url])
    }

    fn purge_many(&mut self) -> Result<(), Gone> {
        let place = self.dice.below(PLACES);
        let urls: Vec<usize> = (0..URLS).filter(|url| place_of(*url) == place).collect();
        match self.dice.below(60) {
            0 => self.purge("all", &(0..URLS).collect::<Vec<_>>()),
            1..=29 => {
                let name = format!("prefix=http%3A%2F%2Fringside.test%2F{place}%2F");
                self.purge(&name, &urls)
            }
            _ => self.purge(&format!("group=group-{place}&host=ringside.test"), &urls),
        }
    }

    /// Purges what `name` names, which is `urls`; hard or soft.
    fn purge(&mut self, name: &str, urls: &[usize]) -> Result<(), Gone> {
        let world = self.world;
        let soft = self.dice.percent(50);
        let versions: Vec<u32> = urls.iter().map(|url| world.bump(*url)).collect();
        let soft_too = if soft { "&soft" } else { "" };
        let mut admin = Client::try_connect(self.admin).map_err(|_| Gone)?;
        let ask = Ask::post(&format!("/purge?{name}{soft_too}"), "");
        let reply = admin.send(ask.bytes()).reply_if_any().ok_or(Gone)?;
        if !reply.complete {
            return Err(Gone);
        }
        let receipt = reply.expect(200).text();
        assert!(!receipt.contains("\"forgettable\":true"), "{receipt}");
        for (url, version) in urls.iter().zip(versions) {
            if !soft {
                world.forget(*url);
            }
            world.raise(*url, version, &format!("purged by {name}{soft_too}"));
        }
        Ok(())
    }
}
