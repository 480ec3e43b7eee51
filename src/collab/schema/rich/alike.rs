//! Which part of a rich text became which.
use super::Node;

/// More pairs than this are not compared with each other.
const MOST_PAIRS: usize = 40_000;

/// Which old node becomes which new one, in order: of the same kind, and with as many words in common as possible.
pub fn alike(old: &[Option<Node>], new: &[Node]) -> Vec<(usize, usize)> {
    if old.is_empty() || new.is_empty() {
        return vec![];
    }
    if old.len() * new.len() > MOST_PAIRS {
        let both = (0..old.len().min(new.len())).map(|at| (at, at));
        return both.filter(|(one, other)| likeness(old[*one].as_ref(), &new[*other]) > 0).collect();
    }
    let mut table = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    let likeness: Vec<Vec<u32>> =
        old.iter().map(|old| new.iter().map(|new| likeness(old.as_ref(), new)).collect()).collect();
    for one in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            let paired = table[one + 1][other + 1] + likeness[one][other];
            table[one][other] = paired.max(table[one + 1][other]).max(table[one][other + 1]);
        }
    }
    let (mut pairs, mut one, mut other) = (vec![], 0, 0);
    while one < old.len() && other < new.len() {
        let paired = table[one + 1][other + 1] + likeness[one][other];
        if likeness[one][other] > 0 && table[one][other] == paired {
            pairs.push((one, other));
            (one, other) = (one + 1, other + 1);
        } else if table[one][other] == table[one + 1][other] {
            one += 1;
        } else {
            other += 1;
        }
    }
    pairs
}

/// 0 for what cannot become each other, up to 1,000 for the same text.
pub fn likeness(old: Option<&Node>, new: &Node) -> u32 {
    let same_kind = match (old, new) {
        (Some(Node::Text(_)), Node::Text(_)) => true,
        (Some(Node::Element(old)), Node::Element(new)) => old.name == new.name,
        _ => false,
    };
    let Some(old) = old.filter(|_| same_kind) else { return 0 };
    let (old, new) = (words(old), words(new));
    let common = old.iter().filter(|word| new.contains(word)).count();
    let all = old.len().max(new.len()).max(1);
    // Even without a common word it is better to keep the node: somebody's cursor may be in it.
    100 + u32::try_from(900 * common / all).unwrap_or(0)
}

/// The words of a node; of a long one, the first.
fn words(node: &Node) -> Vec<String> {
    fn collect(node: &Node, words: &mut Vec<String>) {
        match node {
            Node::Text(spans) => {
                let text: String = spans.iter().map(|span| span.text.as_str()).collect();
                words.extend(text.split_whitespace().take(60).map(str::to_owned));
            }
            Node::Element(element) if words.len() < 60 => {
                for child in &element.children {
                    collect(child, words);
                }
            }
            Node::Element(_) => {}
        }
    }
    let mut words = vec![];
    collect(node, &mut words);
    words
}
