"""The official Python client against the emulator: what it sends is understood, what it reads is valid.

Strict response validation is on, so that an answer with a missing or mistyped member fails.
"""

import asyncio
import json
import os
import urllib.request
import uuid

import turbopuffer
from turbopuffer import AsyncTurbopuffer, Turbopuffer

URL = os.environ["EMULATOR_URL"]
ADMIN = os.environ["EMULATOR_ADMIN_URL"]


def client(**options):
    # The client retries often by default; a check must not pass by luck.
    options.setdefault("max_retries", 0)
    return Turbopuffer(base_url=URL, api_key="tpuf_check", _strict_response_validation=True, **options)


def fresh(**options):
    return client(**options).namespace("py_" + uuid.uuid4().hex)


def admin(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ADMIN + path, data=data, method=method)
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as response:
        text = response.read()
        return json.loads(text) if text else None


def fault(ns, times=1, request="write", **fault):
    admin("POST", "/faults", {"fault": fault, "namespace": ns.id, "request": request, "times": times})


def requests(ns, kind):
    return admin("GET", "/counters")["namespaces"][ns.id]["requests"].get(kind, 0)


def ids(result):
    assert result.rows is not None, result
    return [row.id for row in result.rows]


def refused(error, call):
    try:
        call()
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was not raised")


def rows_columns_patches_and_deletes():
    ns = fresh()
    schema = {"id": "uuid", "trace_id": "uuid", "n": "uint", "at": "datetime", "tags": "[]string"}
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    written = ns.write(
        schema=schema,
        upsert_rows=[
            {"id": first, "trace_id": second, "n": 2**64 - 1, "at": "2026-11-22T07:00:00Z", "tags": ["a", "b"]},
        ],
        return_affected_ids=True,
    )
    assert (written.status, written.rows_affected, written.rows_upserted) == ("OK", 1, 1)
    assert written.upserted_ids == [first] and written.rows_deleted is None
    assert written.billing.billable_logical_bytes_written > 0
    ns.write(upsert_columns={"id": [second], "n": [5], "tags": [None]})
    result = ns.query(rank_by=("n", "desc"), limit=10, include_attributes=True)
    assert result.rows[0].to_dict() == {
        "id": first,
        "trace_id": second,
        "n": 2**64 - 1,
        "at": "2026-11-22T07:00:00.000000000Z",
        "tags": ["a", "b"],
    }
    assert result.rows[1].to_dict() == {"id": second, "n": 5}
    assert ns.write(patch_rows=[{"id": second, "tags": ["x"]}]).rows_patched == 1
    assert ns.write(patch_columns={"id": [second], "n": [6]}).rows_patched == 1
    assert ids(ns.query(filters=("tags", "Contains", "x"), rank_by=("id", "asc"), limit=10)) == [second]
    assert ns.write(deletes=[first]).rows_deleted == 1
    assert ids(ns.query(rank_by=("id", "asc"), limit=10)) == [second]


def conditions():
    ns = fresh()
    condition = ("ver", "Lt", {"$ref_new": "ver"})
    write = lambda ver: ns.write(
        schema={"ver": "uint"}, upsert_rows=[{"id": 1, "ver": ver}], upsert_condition=condition
    )
    assert [write(ver).rows_upserted for ver in (5, 4, 5, 6)] == [1, 0, 0, 1]
    assert ns.write(upsert_rows=[{"id": 1}], upsert_condition=("id", "Eq", None)).rows_upserted == 0
    assert ns.write(patch_rows=[{"id": 1, "a": 1}], patch_condition=("ver", "Eq", 5)).rows_patched == 0
    deleted = ns.write(deletes=[1, 2], delete_condition=("ver", "Gt", 5), return_affected_ids=True)
    assert deleted.deleted_ids == [1]


def filters_and_orders():
    ns = fresh()
    rows = [{"id": n, "k": n % 3, "name": f"model-{n}", "tags": [f"t{n % 2}"]} for n in range(9)] + [{"id": 9}]
    ns.write(schema={"k": "uint", "name": "string", "tags": "[]string"}, upsert_rows=rows)
    find = lambda *filter: ids(ns.query(filters=filter, rank_by=("id", "asc"), limit=100))
    assert find("k", "Lt", 1) == [0, 3, 6, 9], "Lt matches the row without k"
    assert find("And", [("k", "NotEq", None), ("k", "Lt", 1)]) == [0, 3, 6]
    assert find("name", "In", ["model-1", "model-2"]) == [1, 2]
    assert find("name", "Glob", "model-[78]") == [7, 8]
    assert find("tags", "ContainsAny", ["t1"]) == [1, 3, 5, 7]
    assert find("Not", ("id", "Lte", 7)) == [8, 9]
    order = [("k", "desc"), ("id", "desc")]
    assert ids(ns.query(rank_by=order, limit=4)) == [8, 5, 2, 7]
    cursor = ("Or", [("k", "Lt", 1), ("And", [("k", "Eq", 1), ("id", "Lt", 7)])])
    page = ns.query(filters=("And", [("k", "NotEq", None), cursor]), rank_by=order, limit=3)
    assert ids(page) == [4, 1, 6]
    assert ids(ns.query(rank_by=("id", "asc"), limit=2, offset=3)) == [3, 4]
    limit = {"total": 10, "per": {"attributes": ["k"], "limit": 1}}
    assert ids(ns.query(rank_by=("id", "asc"), limit=limit)) == [0, 1, 2, 9]


def full_text():
    ns = fresh()
    text = {"type": "string", "full_text_search": {"stemming": True, "remove_stopwords": True}}
    ns.write(
        schema={"text": text, "at": "uint"},
        upsert_columns={
            "id": [1, 2, 3, 4],
            "text": [
                "the fox is quick and brown",
                "fox jumped over the lazy dog",
                "the dog is lazy and brown",
                "walrus is slow and inferior",
            ],
            "at": [100, 200, 300, 400],
        },
    )
    result = ns.query(rank_by=("text", "BM25", "fox jumping"), limit=10)
    assert ids(result) == [2, 1]
    assert result.rows[0]["$dist"] > result.rows[1]["$dist"] > 0
    recent = ("Decay", ("Dist", ("Attribute", "at"), 400), {"midpoint": 100})
    ranked = ("Sum", [("text", "BM25", "brown"), ("Product", 2, recent)])
    assert ids(ns.query(rank_by=ranked, filters=("text", "ContainsAllTokens", "brown"), limit=10)) == [3, 1]
    assert ids(ns.query(rank_by=("id", "asc"), filters=("text", "ContainsTokenSequence", "lazy dogs"), limit=9)) == [2]
    prefix = ("text", "ContainsAllTokens", "qui", {"last_as_prefix": True})
    assert ids(ns.query(rank_by=("id", "asc"), filters=prefix, limit=9)) == [1]


def vectors():
    ns = fresh()
    ns.write(
        upsert_rows=[{"id": 1, "vector": [0.7, 0.7], "s": "ab"}, {"id": 2, "vector": [0.1, 0.1]}],
        distance_metric="euclidean_squared",
    )
    result = ns.query(rank_by=("vector", "ANN", [0.8, 0.7]), limit=1, include_attributes=["vector", "s"])
    assert result.rows[0].vector == [0.7, 0.7] and abs(result.rows[0]["$dist"] - 0.01) < 1e-6
    assert result.billing.billable_logical_bytes_queried == 256_000_000
    assert result.billing.billable_logical_bytes_returned == 8 + 4 + 8 + 2
    assert ns.recall(num=1, top_k=2).avg_recall == 1.0


def aggregates_and_multi_query():
    ns = fresh()
    rows = [{"id": n, "model": "ab"[n % 2], "cost": n * 10**15} for n in range(10)]
    ns.write(schema={"model": "string", "cost": "int"}, upsert_rows=rows)
    assert ns.query(aggregate_by={"n": ("Count",)}).aggregations == {"n": 10}
    total = ns.query(aggregate_by={"sum": ("Sum", "cost")}, filters=("model", "Eq", "a"))
    assert total.aggregations == {"sum": 20 * 10**15}
    groups = ns.query(aggregate_by={"n": ("Count",)}, group_by=["model"])
    assert groups.aggregation_groups == [{"model": "a", "n": 5}, {"model": "b", "n": 5}]
    answer = ns.multi_query(
        queries=[
            {"rank_by": ("id", "desc"), "limit": 2},
            {"aggregate_by": {"n": ("Count",)}, "filters": ("model", "Eq", "b")},
        ]
    )
    assert [row["id"] for row in answer.results[0].rows] == [9, 8]
    assert answer.results[1].aggregations == {"n": 5}
    fused = ns.multi_query(
        queries=[{"rank_by": ("id", "desc"), "limit": 2}, {"rank_by": ("id", "asc"), "limit": 10}],
        rerank_by=("RRF", {"rank_constant": 60}),
        limit=3,
    )
    assert [row["id"] for row in fused.results[0].rows][0] == 9
    assert "exactly one function" in refused(
        turbopuffer.BadRequestError,
        lambda: ns.query(aggregate_by={"a": ("Count",), "b": ("Count",)}),
    ).message


def deletes_and_patches_by_filter():
    ns = fresh()
    ns.write(upsert_rows=[{"id": n, "a": n} for n in range(6)])
    assert ns.write(delete_by_filter=("a", "Eq", 42)).rows_affected == 0
    fault(ns, fault="filter_cap", rows=2)
    partial = ns.write(delete_by_filter=("a", "Lt", 3), delete_by_filter_allow_partial=True)
    assert (partial.rows_deleted, partial.rows_remaining) == (2, True)
    rest = ns.write(delete_by_filter=("a", "Lt", 3), delete_by_filter_allow_partial=True)
    assert (rest.rows_deleted, rest.rows_remaining) == (1, False)
    patched = ns.write(patch_by_filter={"filters": ("a", "Gte", 4), "patch": {"b": "x"}})
    assert patched.rows_patched == 2
    assert ids(ns.query(filters=("b", "Eq", "x"), rank_by=("id", "asc"), limit=9)) == [4, 5]


def namespaces_schema_and_metadata():
    tpuf = client()
    prefix = "py_" + uuid.uuid4().hex
    names = [f"{prefix}_{n}" for n in range(5)]
    for name in names:
        assert not tpuf.namespace(name).exists()
        tpuf.namespace(name).write(upsert_rows=[{"id": 1, "title": "x"}])
    assert [found.id for found in tpuf.namespaces(prefix=prefix, page_size=2)] == names, "the client follows cursors"
    ns = tpuf.namespace(names[0])
    assert ns.exists()
    metadata = ns.metadata()
    assert metadata.approx_row_count == 0 and metadata.index.status == "up-to-date"
    assert metadata.schema_["title"].type == "string" and metadata.encryption.mode == "default"
    updated = ns.update_schema(schema={"title": {"type": "string", "filterable": False}})
    assert updated["title"].filterable is False and ns.schema()["id"].type == "uint"
    refused(turbopuffer.BadRequestError, lambda: ns.query(filters=("title", "Eq", "x"), rank_by=("id", "asc"), limit=1))
    assert ns.update_metadata(read_only=True).read_only
    refused(turbopuffer.PermissionDeniedError, lambda: ns.write(deletes=[1]))
    assert ns.hint_cache_warm().status == "ACCEPTED"
    assert ns.explain_query(rank_by=("id", "asc"), limit=1).plan_text
    copy = tpuf.namespace(f"{prefix}_copy")
    assert copy.copy_from(source_namespace=names[0]).rows_affected == 1
    assert copy.delete_all().status == "OK" and not copy.exists()
    refused(turbopuffer.NotFoundError, lambda: copy.write(create_namespace=False, upsert_rows=[{"id": 1}]))


def asynchronous_copies_are_followed():
    ns = fresh()
    ns.write(upsert_rows=[{"id": 1}])
    admin("PATCH", "/settings", {"respond_async": True})
    try:
        copy = fresh()
        assert copy.copy_from(source_namespace=ns.id).rows_affected == 1
        started = fresh()
        token = started.start_copy_from(source_namespace=ns.id).token
        assert started.poll_copy_from(token).status == "running"
        assert started.poll_copy_from(token).result.success.rows_affected == 1
    finally:
        admin("PATCH", "/settings", {"respond_async": False})


def errors_have_their_classes():
    ns = fresh()
    query = lambda **options: ns.query(**{"rank_by": ("id", "asc"), "limit": 1, **options})
    missing = refused(turbopuffer.NotFoundError, query)
    assert missing.status_code == 404 and "was not found" in missing.message
    ns.write(upsert_rows=[{"id": 1, "tags": ["a"]}])
    duplicates = refused(turbopuffer.BadRequestError, lambda: ns.write(upsert_rows=[{"id": 2}, {"id": 2}]))
    assert "duplicate document IDs" in duplicates.message
    unknown = refused(turbopuffer.BadRequestError, lambda: query(filters=("nothing", "Eq", 1)))
    assert "filter error in key `nothing`: attribute not found" in unknown.message
    refused(turbopuffer.BadRequestError, lambda: query(include_attributes=["nothing"]))
    refused(turbopuffer.BadRequestError, lambda: ns.write(upsert_rows=[{"id": 1, "tags": "x" * 5000}]))
    shape = refused(turbopuffer.UnprocessableEntityError, lambda: ns.write(upsert_rows={"id": 2}))
    assert "invalid type: map, expected a sequence" in shape.message
    level = refused(turbopuffer.UnprocessableEntityError, lambda: query(consistency={"level": "none"}))
    assert "unknown variant `none`, expected `strong` or `eventual`" in level.message
    text = refused(turbopuffer.UnprocessableEntityError, lambda: query(consistency="eventual"))
    assert 'invalid type: string "eventual", expected struct Consistency' in text.message
    for status, error in [
        (401, turbopuffer.AuthenticationError),
        (403, turbopuffer.PermissionDeniedError),
        (409, turbopuffer.ConflictError),
        (429, turbopuffer.RateLimitError),
        (503, turbopuffer.InternalServerError),
    ]:
        fault(ns, request="query", fault="status", status=status)
        assert refused(error, query).status_code == status
    fault(ns, request="query", fault="reset_before")
    refused(turbopuffer.APIConnectionError, query)
    fault(ns, request="query", fault="hang", ms=2_000)
    refused(turbopuffer.APITimeoutError, lambda: query(timeout=0.2))


def retries_survive_faults():
    ns = fresh(max_retries=4)
    ns.write(schema={"ver": "uint"}, upsert_rows=[{"id": 1, "ver": 1}])
    sent = requests(ns, "write")
    fault(ns, fault="status", status=429)
    fault(ns, fault="status", status=503, plain=True)
    fault(ns, fault="reset_after")
    written = ns.write(upsert_rows=[{"id": 1, "ver": 2}], upsert_condition=("ver", "Lt", {"$ref_new": "ver"}))
    assert requests(ns, "write") == sent + 4
    assert written.rows_upserted == 0, "the try whose answer was lost had won"
    assert ns.query(filters=("ver", "Eq", 2), aggregate_by={"n": ("Count",)}).aggregations == {"n": 1}
    fault(ns, request="query", fault="status", status=429, retry_after=1)
    assert ids(ns.query(rank_by=("id", "asc"), limit=1)) == [1]


def compressed_bodies():
    ns = fresh(compression=True)
    ns.write(upsert_rows=[{"id": n, "text": "b" * 1024} for n in range(50)])
    result = ns.query(rank_by=("id", "asc"), limit=50, include_attributes=True)
    assert len(result.rows) == 50 and result.rows[49].text == "b" * 1024
    assert result.performance.client_compress_ms >= 0


def concurrent_writers_lose_nothing():
    async def swap(ns):
        while True:
            row = (await ns.query(rank_by=("id", "asc"), limit=1, include_attributes=["ver"])).rows[0]
            written = await ns.write(
                upsert_rows=[{"id": 1, "ver": row.ver + 1, "prev": row.ver}],
                upsert_condition=("ver", "Eq", {"$ref_new": "prev"}),
            )
            if written.rows_upserted == 1:
                return

    async def run():
        async with AsyncTurbopuffer(base_url=URL, api_key="tpuf_check", max_retries=4) as tpuf:
            ns = tpuf.namespace("py_" + uuid.uuid4().hex)
            await ns.write(schema={"ver": "uint", "prev": "uint"}, upsert_rows=[{"id": 1, "ver": 0}])
            await asyncio.gather(*(swap(ns) for _ in range(12)))
            return (await ns.query(rank_by=("id", "asc"), limit=1, include_attributes=["ver"])).rows[0].ver

    assert asyncio.run(run()) == 12


CHECKS = [
    rows_columns_patches_and_deletes,
    conditions,
    filters_and_orders,
    full_text,
    vectors,
    aggregates_and_multi_query,
    deletes_and_patches_by_filter,
    namespaces_schema_and_metadata,
    asynchronous_copies_are_followed,
    errors_have_their_classes,
    retries_survive_faults,
    compressed_bodies,
    concurrent_writers_lose_nothing,
]

if __name__ == "__main__":
    for check in CHECKS:
        check()
        print("python:", check.__name__.replace("_", " "))
