//! The tree of nodes that leads to the markets (contract 4.1).

use std::collections::BTreeMap;

use super::dice;

/// Ids that examples and clients name, by path.
const IDS: &[(&str, u64)] = &[
    ("Indices/UK", 138_425_500),
    ("IPOs", 404_243),
    ("Shares - Euronext Dublin (Ireland)", 88_877_247),
    ("Shares - NZX (New Zealand)", 118_179_919),
    ("Weekend Markets", 186_563_295),
];

/// A place in the tree.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) children: Vec<usize>,
    /// Places in the catalogue. Only leaves have some, and every leaf has.
    pub(super) markets: Vec<usize>,
}

/// All nodes but the root, which has no id.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    roots: Vec<usize>,
    by_path: BTreeMap<String, usize>,
    by_id: BTreeMap<String, usize>,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            roots: Vec::new(),
            by_path: BTreeMap::new(),
            by_id: BTreeMap::new(),
        }
    }

    /// How many nodes there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node of an id.
    pub(super) fn find(&self, id: &str) -> Option<&Node> {
        self.node(*self.by_id.get(id)?)
    }

    /// The nodes of the first level.
    pub(super) fn roots(&self) -> impl Iterator<Item = &Node> {
        self.roots.iter().filter_map(|index| self.node(*index))
    }

    /// The nodes below one.
    pub(super) fn below<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Node> {
        node.children.iter().filter_map(|index| self.node(*index))
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// Hangs a market on the node of a path, which no other path may go through: only leaves have
    /// markets.
    pub(super) fn add(&mut self, path: &str, market: usize) {
        let leaf = self.reach(path);
        if let Some(leaf) = self.nodes.get_mut(leaf) {
            leaf.markets.push(market);
        }
    }

    /// The node of a path, made if there is none.
    fn reach(&mut self, path: &str) -> usize {
        if let Some(known) = self.by_path.get(path) {
            return *known;
        }
        let (parent, name) = match path.rsplit_once('/') {
            Some((parent, name)) => (Some(self.reach(parent)), name),
            None => (None, path),
        };
        let index = self.nodes.len();
        let id = self.free_id(path);
        self.by_path.insert(path.to_owned(), index);
        self.by_id.insert(id.clone(), index);
        let name = name.to_owned();
        self.nodes.push(Node { id, name, children: Vec::new(), markets: Vec::new() });
        match parent.and_then(|parent| self.nodes.get_mut(parent)) {
            Some(parent) => parent.children.push(index),
            None => self.roots.push(index),
        }
        index
    }

    fn free_id(&self, path: &str) -> String {
        let fixed = IDS.iter().find(|(known, _)| *known == path).map(|(_, id)| *id);
        let mut bits = dice::of_text(path);
        let mut id = fixed.unwrap_or(bits % 900_000_000 + 100_000);
        while self.by_id.contains_key(&id.to_string()) {
            bits = dice::mix(bits);
            id = bits % 900_000_000 + 100_000;
        }
        id.to_string()
    }
}
