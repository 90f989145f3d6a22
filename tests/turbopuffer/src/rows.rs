//! The documents of a namespace.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::index::Indexes;
use crate::schema::{Column, Schema};
use crate::value::Value;

/// Where a document lies; kept when the document is replaced.
pub(crate) type Slot = u32;

/// A document.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: Value,
    /// Sorted by column; a missing value has no cell.
    cells: Vec<(Column, Value)>,
}

/// What a filter or a sort key reads from a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    Id,
    Column(Column),
}

impl Row {
    pub(crate) fn new(id: Value, mut cells: Vec<(Column, Value)>) -> Self {
        cells.sort_by_key(|(column, _)| *column);
        Self { id, cells }
    }

    pub(crate) fn get(&self, field: Field) -> Option<&Value> {
        match field {
            Field::Id => Some(&self.id),
            Field::Column(column) => self.column(column),
        }
    }

    pub(crate) fn column(&self, column: Column) -> Option<&Value> {
        let place = self.cells.binary_search_by_key(&column, |(column, _)| *column).ok()?;
        Some(&self.cells[place].1)
    }

    /// The document after some attributes were set, or removed by `None`.
    pub(crate) fn patched(&self, changes: &[(Column, Option<Value>)]) -> Self {
        let kept = self.cells.iter().filter(|(column, _)| !changes.iter().any(|(other, _)| other == column));
        let set = changes.iter().filter_map(|(column, value)| value.clone().map(|value| (*column, value)));
        Self::new(self.id.clone(), kept.cloned().chain(set).collect())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.id.bytes() + self.cells.iter().map(|(_, value)| value.bytes()).sum::<u64>()
    }
}

/// All documents of a namespace, with what finds them.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    slots: Vec<Option<Arc<Row>>>,
    ids: BTreeMap<Value, Slot>,
    bytes: u64,
    indexes: RwLock<Indexes>,
}

impl Clone for Rows {
    /// A view of the past gets its own indexes when a query needs them.
    fn clone(&self) -> Self {
        Self {
            slots: self.slots.clone(),
            ids: self.ids.clone(),
            bytes: self.bytes,
            indexes: RwLock::default(),
        }
    }
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn slot(&self, id: &Value) -> Option<Slot> {
        self.ids.get(id).copied()
    }

    pub(crate) fn find(&self, id: &Value) -> Option<(Slot, &Arc<Row>)> {
        let slot = self.slot(id)?;
        Some((slot, self.at(slot)?))
    }

    pub(crate) fn at(&self, slot: Slot) -> Option<&Arc<Row>> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Arc<Row>)> {
        self.slots.iter().zip(0..).filter_map(|(row, slot)| Some((slot, row.as_ref()?)))
    }

    /// Slots in the order of their ids.
    pub(crate) fn by_id(&self) -> impl DoubleEndedIterator<Item = Slot> {
        self.ids.values().copied()
    }

    pub(crate) fn put(&mut self, row: Row, schema: &Schema) {
        self.bytes += row.bytes();
        let row = Arc::new(row);
        let indexes = self.indexes.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = self.ids.get(&row.id).copied() {
            let place = &mut self.slots[slot as usize];
            if let Some(old) = place.replace(Arc::clone(&row)) {
                self.bytes -= old.bytes();
                indexes.replace(slot, &old, &row, schema);
            }
            return;
        }
        let slot = Slot::try_from(self.slots.len()).expect("fewer than 2^32 documents fit into memory");
        self.ids.insert(row.id.clone(), slot);
        indexes.add(slot, &row, schema);
        self.slots.push(Some(row));
    }

    pub(crate) fn remove(&mut self, id: &Value, schema: &Schema) -> bool {
        let Some(slot) = self.ids.remove(id) else { return false };
        if let Some(old) = self.slots[slot as usize].take() {
            self.bytes -= old.bytes();
            let indexes = self.indexes.get_mut().unwrap_or_else(PoisonError::into_inner);
            indexes.remove(slot, &old, schema);
        }
        true
    }

    /// Forgets all indexes when so many documents are about to change that building them anew is cheaper.
    pub(crate) fn expect_changes(&mut self, put: usize, removed: usize) {
        // Taking a document out of long lists of slots costs more than adding one at their ends.
        if (removed > 1_000 && removed > self.len() / 20) || (put > 1_000 && put > self.len()) {
            self.forget_indexes();
        }
        // Holes cost a look at every scan.
        if self.slots.len() > 1_024 && self.slots.len() > 2 * self.ids.len() {
            self.forget_indexes();
            self.slots.retain(Option::is_some);
            for (row, slot) in self.slots.iter().flatten().zip(0..) {
                if let Some(place) = self.ids.get_mut(&row.id) {
                    *place = slot;
                }
            }
        }
    }

    pub(crate) fn forget_indexes(&mut self) {
        *self.indexes.get_mut().unwrap_or_else(PoisonError::into_inner) = Indexes::default();
    }

    /// Removes dropped columns from every document.
    pub(crate) fn drop_columns(&mut self, columns: &[Column]) {
        if columns.is_empty() {
            return;
        }
        self.forget_indexes();
        let changes: Vec<_> = columns.iter().map(|column| (*column, None)).collect();
        for row in self.slots.iter_mut().flatten() {
            let patched = row.patched(&changes);
            self.bytes = self.bytes + patched.bytes() - row.bytes();
            *row = Arc::new(patched);
        }
    }

    /// Reads the indexes after `ensure` has built what is missing.
    pub(crate) fn with_indexes<T>(
        &self,
        has: impl Fn(&Indexes) -> bool,
        build: impl FnOnce(&mut Indexes),
        read: impl FnOnce(&Indexes) -> T,
    ) -> T {
        let indexes = self.indexes.read().unwrap_or_else(PoisonError::into_inner);
        if has(&indexes) {
            return read(&indexes);
        }
        drop(indexes);
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        if !has(&indexes) {
            build(&mut indexes);
        }
        read(&indexes)
    }
}
