//! Payloads put together again from rows and parts.

use std::collections::{HashMap, HashSet};

use trace::json::Json;
use trace::ports::{SpanKey, StoreError};
use trace::span::Payload;
use uuid::Uuid;

use crate::client::Row;
use crate::manifest::{List, Manifest};
use crate::parts::Parts;
use crate::side::Which;
use crate::span_row;
use crate::table::Table;
use crate::{ids, side};

/// The namespaces a project's payloads lie in.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) main: Table,
    pub(crate) parts: Table,
}

/// Payloads put together at once, so that their parts have room in memory.
const AT_ONCE: usize = 100;

/// Returns the payload of each span, in the order asked.
pub(crate) async fn load(tables: &Tables, keys: &[SpanKey]) -> Result<Vec<Payload>, StoreError> {
    let ids: Vec<Uuid> = keys.iter().map(|key| ids::span(&key.trace_id, &key.span_id)).collect();
    let mut seen = HashSet::new();
    let distinct: Vec<Uuid> = ids.iter().copied().filter(|id| seen.insert(*id)).collect();
    let payloads = of_rows(tables, &distinct).await?;
    Ok(ids.iter().map(|id| payloads.get(id).cloned().unwrap_or_default()).collect())
}

/// Returns the payloads of rows by their ids; a row that is missing or has none is left out.
pub(crate) async fn of_rows(tables: &Tables, ids: &[Uuid]) -> Result<HashMap<Uuid, Payload>, StoreError> {
    let mut payloads = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(AT_ONCE) {
        let attributes = [Which::Input.manifest(), Which::Output.manifest()];
        let rows = tables.main.by_id(Some(span_row::KIND), ids, &attributes).await?;
        payloads.extend(joined(&tables.parts, &rows).await?);
    }
    Ok(payloads)
}

async fn joined(parts: &Table, rows: &[Row]) -> Result<Vec<(Uuid, Payload)>, StoreError> {
    let mut sides = Vec::with_capacity(rows.len());
    let (mut lists, mut texts) = (HashSet::new(), HashSet::new());
    for row in rows {
        let side = |which: Which| row.find_text(which.manifest()).map(Manifest::decode).transpose();
        let both = [side(Which::Input)?, side(Which::Output)?];
        for manifest in both.iter().flatten() {
            match manifest {
                Manifest::Text(_) => {}
                Manifest::List(list) => texts.extend(list.parts.iter().copied()),
                Manifest::Part(id) => drop(lists.insert(*id)),
            }
        }
        sides.push((row.id()?, both));
    }
    let mut loaded = Parts::default();
    loaded.load(parts, lists.clone()).await?;
    let mut of_parts = HashMap::new();
    for id in lists {
        let list = List::decode(loaded.bytes(id)?)?;
        texts.extend(list.parts.iter().copied());
        of_parts.insert(id, list);
    }
    loaded.load(parts, texts).await?;
    let json = |manifest: Option<Manifest>| -> Result<Option<Json>, StoreError> {
        let text = |id| loaded.text(id);
        match manifest {
            None => Ok(None),
            Some(Manifest::Text(text)) => {
                Json::from_compact(text).map(Some).map_err(|error| StoreError::corrupt("payload", error))
            }
            Some(Manifest::List(list)) => list.join(text).map(Some),
            Some(Manifest::Part(id)) => of_parts.get(&id).map(|list| list.join(text)).transpose(),
        }
    };
    let payload = |(id, [input, output]): (Uuid, [Option<Manifest>; 2])| {
        Ok((id, Payload { input: json(input)?, output: json(output)? }))
    };
    sides.into_iter().map(payload).collect()
}

/// The attributes that tell a side with too many words.
pub(crate) const MANY: [&str; 2] = [side::ATTRIBUTES[2], side::ATTRIBUTES[5]];
