//! Namespaces as a whole: their list, metadata, schema and deletion.

use std::collections::HashMap;

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::api::Call;
use crate::compile::Compiler;
use crate::datetime;
use crate::error::{Failure, Outcome};
use crate::namespace::Namespace;
use crate::reply::Reply;
use crate::request::{self, WriteRequest};
use crate::service::Operation;
use crate::vector::{decode_base64, encode_base64};

impl Call<'_> {
    pub(crate) fn list(&self) -> Outcome<Reply> {
        let parameters = parameters(self.query);
        let parameter = |name: &str| parameters.get(name).map_or("", String::as_str);
        let page_size = match parameter("page_size") {
            "" => 100,
            text => text.parse::<usize>().map_err(|error| {
                let message = format!("Failed to deserialize query string: page_size: {error}");
                Failure::plain(StatusCode::BAD_REQUEST, message)
            })?,
        };
        if !(1..=1_000).contains(&page_size) {
            return Err(Failure::invalid("💔 page_size must be between 1 and 1000"));
        }
        let after = match parameter("cursor") {
            "" => String::new(),
            cursor => decode_base64(cursor)
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| Failure::invalid("💔 invalid cursor"))?,
        };
        let mut names = self.service.names(parameter("prefix"), &after, page_size + 1);
        let has_more = names.len() > page_size;
        names.truncate(page_size);
        let cursor = names.last().filter(|_| has_more).map(|name| encode_base64(name.as_bytes()));
        let names: Vec<_> = names.iter().map(|name| json!({"id": name})).collect();
        let mut answer = json!({"namespaces": names});
        if let Some(cursor) = cursor {
            answer["next_cursor"] = json!(cursor);
        }
        Ok(Reply::ok(&answer))
    }

    pub(crate) fn delete_namespace(&self) -> Outcome<Reply> {
        if self.service.place(self.namespace).delete() {
            return Ok(Reply::ok(&json!({"status": "OK"})));
        }
        Err(Failure::no_namespace(self.namespace))
    }

    pub(crate) fn metadata(&self) -> Outcome<Reply> {
        self.read(|namespace| {
            Ok(if self.is_v1 { namespace.to_v1(&self.settings) } else { namespace.to_v2(&self.settings) })
        })
    }

    pub(crate) fn update_metadata(&self) -> Outcome<Reply> {
        let changes: Map<String, Json> = request::parse(&self.body)?;
        self.change(|namespace| {
            match changes.get("pinning") {
                None => {}
                Some(Json::Null | Json::Bool(false)) => namespace.about.pinning = None,
                Some(Json::Bool(true)) => namespace.about.pinning = Some(json!({"replicas": 1})),
                Some(Json::Object(pinning)) => {
                    let replicas = pinning.get("replicas").and_then(Json::as_u64).unwrap_or(1);
                    namespace.about.pinning = Some(json!({"replicas": replicas}));
                }
                Some(other) => {
                    let message = format!("invalid type: {other}, expected a pinning configuration");
                    return Err(Failure::unprocessable(message));
                }
            }
            if let Some(read_only) = changes.get("read_only") {
                namespace.about.read_only = read_only.as_bool().ok_or_else(|| {
                    Failure::unprocessable(format!("invalid type: {read_only}, expected a boolean"))
                })?;
            }
            Ok(namespace.to_v1(&self.settings))
        })
    }

    pub(crate) fn schema(&self) -> Outcome<Reply> {
        self.read(|namespace| Ok(namespace.schema.to_v1()))
    }

    pub(crate) fn update_schema(&self) -> Outcome<Reply> {
        let entries: Map<String, Json> = request::parse(&self.body)?;
        self.change(|namespace| {
            let mut schema = namespace.schema.clone();
            let has_rows = namespace.rows.len() > 0;
            let build = Namespace::build_deadline(&self.settings);
            let dropped = schema.declare(&entries, has_rows, build, &self.settings.limits)?;
            namespace.rows.drop_columns(&dropped);
            namespace.schema = schema;
            namespace.note_update();
            Ok(namespace.schema.to_v1())
        })
    }

    pub(crate) fn warm(&self) -> Outcome<Reply> {
        let place = self.service.place(self.namespace);
        if place.read().is_none() {
            return Err(Failure::no_namespace(self.namespace));
        }
        place.warm_up();
        let answer = json!({"status": "ACCEPTED", "message": "cache warm hint accepted"});
        Ok(Reply::new(StatusCode::ACCEPTED, &answer))
    }

    /// Search is exact here, so recall is perfect.
    pub(crate) fn recall(&self) -> Outcome<Reply> {
        let options: Map<String, Json> =
            if self.body.is_empty() { Map::new() } else { request::parse(&self.body)? };
        let top_k = options.get("top_k").and_then(Json::as_u64).unwrap_or(10);
        let place = self.service.place(self.namespace);
        let guard = place.read();
        let namespace = guard.as_ref().ok_or_else(|| Failure::no_namespace(self.namespace))?;
        let compiler = Compiler {
            schema: &namespace.schema,
            rows: &namespace.rows,
            settings: &self.settings,
            has_incoming: false,
        };
        let filter = options.get("filters").filter(|filter| !filter.is_null());
        let filter = filter.map(|filter| compiler.filter(filter)).transpose()?;
        let matching = namespace.rows.matching(filter.as_ref(), &namespace.schema).len() as u64;
        let count = json!(matching.min(top_k));
        let answer = json!({"avg_recall": 1.0, "avg_exhaustive_count": count, "avg_ann_count": count});
        drop(guard);
        if self.prefers_async() {
            return Ok(self.started(&answer));
        }
        Ok(Reply::ok(&answer))
    }

    pub(crate) fn start_copy(&self) -> Outcome<Reply> {
        let request: WriteRequest = request::parse(&self.body)?;
        let answer = self.copied(&request)?;
        // Clients poll by themselves when the preference is said to be applied; here the caller does.
        Ok(Reply::new(StatusCode::ACCEPTED, &json!({"token": self.begun(&answer)})))
    }

    pub(crate) fn prefers_async(&self) -> bool {
        let prefer = self.headers.get("prefer").and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.settings.respond_async && prefer.split(',').any(|one| one.trim() == "respond-async")
    }

    /// Answers that an operation has started, which in truth is already done.
    pub(crate) fn started(&self, result: &Json) -> Reply {
        let token = self.begun(result);
        let location = format!("/v1/namespaces/{}/operations/{token}", self.namespace);
        Reply::new(StatusCode::ACCEPTED, &json!({"token": token}))
            .with_header("preference-applied", "respond-async")
            .with_header("location", &location)
    }

    fn begun(&self, result: &Json) -> String {
        let token = format!("{:032x}", rand::random::<u128>());
        let operation =
            Operation { started_at: datetime::now(), result: json!({"success": result}), polls: 0 };
        self.service.operations().insert(token.clone(), operation);
        token
    }

    /// The first poll sees the operation running, the next one finished.
    pub(crate) fn operation(&self) -> Outcome<Reply> {
        let mut operations = self.service.operations();
        let operation = operations.get_mut(self.token).ok_or_else(|| {
            Failure::new(StatusCode::NOT_FOUND, format!("🤷 operation '{}' was not found", self.token))
        })?;
        operation.polls += 1;
        let start_time = &operation.started_at;
        Ok(Reply::ok(&if operation.polls == 1 {
            json!({"status": "running", "start_time": start_time})
        } else {
            json!({
                "status": "finished",
                "start_time": start_time,
                "finish_time": datetime::now(),
                "result": operation.result,
            })
        }))
    }

    fn read(&self, read: impl FnOnce(&Namespace) -> Outcome<Json>) -> Outcome<Reply> {
        let place = self.service.place(self.namespace);
        let guard = place.read();
        let namespace = guard.as_ref().ok_or_else(|| Failure::no_namespace(self.namespace))?;
        Ok(Reply::ok(&read(namespace)?))
    }

    fn change(&self, change: impl FnOnce(&mut Namespace) -> Outcome<Json>) -> Outcome<Reply> {
        let place = self.service.place(self.namespace);
        let mut guard = place.write();
        let namespace = guard.as_mut().ok_or_else(|| Failure::no_namespace(self.namespace))?;
        Ok(Reply::ok(&change(namespace)?))
    }
}

fn parameters(query: &str) -> HashMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}
