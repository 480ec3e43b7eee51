//! The bus between the nodes: each has one of its own, and what is published on it is carried to the others, badly.
use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    ids,
    plan::Death,
    world::{Node, World},
};
use crate::bus::{Bus, Channel, Packet};

/// More than may wait for one listener.
const FLOOD: usize = 300;

fn channel(session: usize) -> Channel {
    let key = ids::session(session);
    Channel::live(key.organization, key.session.uuid())
}

/// Carries what a node publishes about a session to all the others.
pub fn carry(world: &Arc<World>, number: usize, node: &Node, session: usize) {
    let (world, life) = (Arc::downgrade(world), node.life);
    let mut heard = node.bus.subscribe(channel(session));
    node.tasks.spawn("the bus", async move {
        loop {
            let packet = heard.next().await;
            let Some(world) = world.upgrade() else { return };
            // What comes from elsewhere does not go back.
            if let Some(packet) = packet.filter(|packet| packet.origin.as_u64_pair().0 == ids::clock(number, life)) {
                publish(&world, number, session, &packet);
            }
        }
    });
}

fn publish(world: &Arc<World>, from: usize, session: usize, packet: &Packet) {
    let facts = [from as u64, session as u64, packet.after, packet.to];
    world.note("publish", &facts, || format!("n{from} s{session} ({}, {}]", packet.after, packet.to));
    for to in (0..world.plan.nodes).filter(|to| *to != from) {
        let post = world.sky.lock().post(world.now());
        if post.arrives[0].is_none() {
            world.note("lost", &[to as u64, packet.to], || format!("to n{to}: ({}, {}]", packet.after, packet.to));
        }
        for after in post.arrives.into_iter().flatten() {
            deliver(world, to, session, packet.clone(), after);
        }
    }
    let dies = world.with_node(from, |node| node.doomed.filter(|(death, _)| *death == Death::AfterPublish));
    if let Some((_, down)) = dies {
        world.kill(from, down);
    }
}

fn deliver(world: &Arc<World>, to: usize, session: usize, packet: Packet, after: u64) {
    let publish = move |bus: &Bus, packet| bus.publish(channel(session), packet);
    if after == 0 {
        return world.with_node(to, |node| publish(&node.bus, packet));
    }
    let back = Arc::downgrade(world);
    world.tasks.spawn("a packet under way", async move {
        tokio::time::sleep(Duration::from_millis(after)).await;
        if let Some(world) = back.upgrade() {
            world.with_node(to, |node| publish(&node.bus, packet));
        }
    });
}

/// So much arrives at a node that its subscriptions lose some.
pub fn deafen(world: &Arc<World>, number: usize) {
    for session in 0..world.plan.sessions {
        for _ in 0..FLOOD {
            let packet = Packet { origin: Uuid::nil(), after: 0, to: 0, payload: bytes::Bytes::new() };
            world.with_node(number, |node| node.bus.publish(channel(session), packet));
        }
    }
}
