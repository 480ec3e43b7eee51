//! A plan that fails is made shorter as long as it still fails: fewer faults, fewer deeds, fewer people, fewer nodes.
use super::{
    plan::{Plan, Trouble},
    run,
};

/// Shortens one plan.
pub struct Shrink {
    /// The shortest that fails.
    pub plan: Plan,
    /// How many runs are left.
    left: u32,
}

impl Shrink {
    /// The shortest plan found in so many runs that still fails.
    pub fn of(plan: Plan, runs: u32) -> Plan {
        let mut shrink = Self { plan, left: runs };
        loop {
            let size = shrink.size();
            shrink.simplify();
            shrink.people();
            shrink.list(|plan| plan.blows.len(), |plan, from, to| drop(plan.blows.drain(from..to)));
            shrink.list(|plan| plan.deeds.len(), |plan, from, to| drop(plan.deeds.drain(from..to)));
            if shrink.size() == size || shrink.left == 0 {
                return shrink.plan;
            }
        }
    }

    fn size(&self) -> usize {
        let people = self.plan.people.iter().filter(|person| !person.absent).count();
        self.plan.blows.len() + self.plan.deeds.len() + people + self.plan.nodes
    }

    /// Keeps a change if it still fails so.
    fn tries(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let mut plan = self.plan.clone();
        change(&mut plan);
        let fails = !run(&plan, false).faults.is_empty();
        if fails {
            self.plan = plan;
        }
        fails
    }

    fn simplify(&mut self) {
        if self.plan.slowness > 0 {
            self.tries(|plan| plan.slowness = 0);
        }
        if self.plan.ring < 64 || self.plan.pipe < 64 {
            self.tries(|plan| (plan.ring, plan.pipe) = (64, 64));
        }
        while self.plan.nodes > 1 && self.tries(without_node) {}
    }

    fn people(&mut self) {
        for number in 0..self.plan.people.len() {
            if !self.plan.people[number].absent {
                self.tries(|plan| {
                    plan.people[number].absent = true;
                    plan.deeds.retain(|deed| deed.person != number);
                });
            }
        }
    }

    /// Leaves out halves of a list, then quarters, down to single things.
    fn list(&mut self, length: fn(&Plan) -> usize, without: fn(&mut Plan, usize, usize)) {
        let mut step = length(&self.plan).div_ceil(2);
        while step > 0 {
            let mut from = 0;
            while from < length(&self.plan) {
                let to = (from + step).min(length(&self.plan));
                if !self.tries(|plan| without(plan, from, to)) {
                    from = to;
                }
            }
            step /= 2;
        }
    }
}

fn without_node(plan: &mut Plan) {
    plan.nodes -= 1;
    let last = plan.nodes;
    plan.blows.retain(|blow| {
        !matches!(blow.what, Trouble::Crash { node, .. } | Trouble::Drain { node, .. } | Trouble::Storm { node, .. }
            | Trouble::Deaf { node } | Trouble::Skew { node, .. } if node == last)
    });
}
