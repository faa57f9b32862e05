//! One contract, three stores: every claim about the port is put to `MemoryStore`, SQLite and
//! PostgreSQL alike; what only [`Store`](evergrant_store::Store) can do, to both databases.

mod bench;
mod due;
mod flows;
mod grants;
mod integrations;
mod opening;
mod principals;
mod races;
mod registry;
mod revisions;
