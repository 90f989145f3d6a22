// The official Node client against the emulator: what it sends is understood, and it reads what it expects.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import Turbopuffer, {
  APIConnectionError,
  APIConnectionTimeoutError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
  UnprocessableEntityError,
} from '@turbopuffer/turbopuffer';

const baseURL = process.env.EMULATOR_URL;
const adminURL = process.env.EMULATOR_ADMIN_URL;

// The client retries often by default; a check must not pass by luck.
const client = (options = {}) => new Turbopuffer({ baseURL, apiKey: 'tpuf_check', maxRetries: 0, ...options });
const fresh = (options) => {
  const id = `node_${randomUUID()}`;
  return Object.assign(client(options).namespace(id), { name: id });
};
const admin = async (method, path, body) => {
  const response = await fetch(adminURL + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.ok(response.ok, await response.clone().text());
  const text = await response.text();
  return text && JSON.parse(text);
};
const fault = (ns, request, rule, times = 1) =>
  admin('POST', '/faults', { fault: rule, namespace: ns.name, request, times });
const ids = (result) => result.rows.map((row) => row.id);
const refused = (promise, error, text) =>
  assert.rejects(promise, (raised) => {
    assert.ok(raised instanceof error, `${raised.constructor.name}: ${raised.message}`);
    assert.ok(raised.message.includes(text ?? ''), raised.message);
    return true;
  });

const checks = {
  async 'rows, columns, patches and deletes'() {
    const ns = fresh();
    const written = await ns.write({
      schema: { n: 'uint', at: 'datetime' },
      upsert_rows: [{ id: 1, n: 9007199254740991, at: '2026-11-22', tags: ['a'], gone: null }],
      return_affected_ids: true,
    });
    assert.equal(written.rows_upserted, 1);
    assert.deepEqual(written.upserted_ids, [1]);
    await ns.write({ upsert_columns: { id: [2, 3], n: [2, null] } });
    const all = await ns.query({ rank_by: ['id', 'asc'], limit: 10, include_attributes: true });
    assert.deepEqual(all.rows, [
      { id: 1, n: 9007199254740991, at: '2026-11-22T00:00:00.000000000Z', tags: ['a'] },
      { id: 2, n: 2 },
      { id: 3 },
    ]);
    await ns.write({ patch_rows: [{ id: 3, n: 3 }], deletes: [2] });
    assert.deepEqual(ids(await ns.query({ rank_by: ['n', 'asc'], limit: 10 })), [3, 1]);
  },

  async conditions() {
    const ns = fresh();
    const write = (ver) =>
      ns.write({
        schema: { ver: 'uint' },
        upsert_rows: [{ id: 'x', ver }],
        upsert_condition: ['ver', 'Lt', { $ref_new: 'ver' }],
      });
    const upserted = [];
    for (const ver of [5, 4, 6]) upserted.push((await write(ver)).rows_upserted);
    assert.deepEqual(upserted, [1, 0, 1]);
    const claim = { patch_rows: [{ id: 'x', tok: 'a' }], patch_condition: ['ver', 'Eq', 6], return_affected_ids: true };
    assert.deepEqual((await ns.write(claim)).patched_ids, ['x']);
    assert.equal((await ns.write({ deletes: ['x'], delete_condition: ['tok', 'NotEq', 'a'] })).rows_deleted, 0);
  },

  async 'filters and orders'() {
    const ns = fresh();
    await ns.write({
      schema: { k: 'uint', tags: '[]string' },
      upsert_rows: [1, 2, 3, 4].map((id) => (id < 4 ? { id, k: id % 2, tags: [`t${id}`] } : { id })),
    });
    const find = async (filters) => ids(await ns.query({ filters, rank_by: ['id', 'asc'], limit: 10 }));
    assert.deepEqual(await find(['k', 'Lt', 1]), [2, 4]);
    assert.deepEqual(await find(['And', [['k', 'NotEq', null], ['k', 'Lt', 1]]]), [2]);
    assert.deepEqual(await find(['tags', 'NotContains', 't1']), [2, 3, 4]);
    assert.deepEqual(await find(['Or', [['id', 'In', [4]], ['tags', 'ContainsAny', ['t2', 't3']]]]), [2, 3, 4]);
    const order = [['k', 'desc'], ['id', 'desc']];
    assert.deepEqual(ids(await ns.query({ rank_by: order, limit: 10 })), [3, 1, 2, 4]);
    await refused(
      ns.query({ filters: ['tags', 'ContainsAny', 'python'], rank_by: ['id', 'asc'], limit: 1 }),
      BadRequestError,
      "filter error in key `tags`: type mismatch, ContainsAny expects []string, but got 'python'",
    );
  },

  async 'full text and vectors'() {
    const ns = fresh();
    await ns.write({
      distance_metric: 'cosine_distance',
      schema: { text: { type: 'string', full_text_search: { stemming: true, remove_stopwords: true } } },
      upsert_rows: [
        { id: 1, vector: [1, 0], text: 'Walruses are large marine mammals with long tusks and whiskers' },
        { id: 2, vector: [0.6, 0.8], text: 'They primarily inhabit the cold Arctic regions' },
        { id: 3, vector: [0, 1], text: 'Walruses use their tusks to help haul themselves onto ice' },
      ],
    });
    const sum = ['Sum', [['text', 'BM25', 'large tusk'], ['Product', 2, ['text', 'BM25', 'whisker']]]];
    assert.deepEqual(ids(await ns.query({ rank_by: sum, limit: 10 })), [1, 3]);
    const filters = ['text', 'ContainsAllTokens', 'tusk ice'];
    assert.deepEqual(ids(await ns.query({ rank_by: ['id', 'asc'], filters, limit: 10 })), [3]);
    const near = await ns.query({ rank_by: ['vector', 'ANN', [0, 1]], limit: 2 });
    assert.deepEqual(ids(near), [3, 2]);
    assert.ok(Math.abs(near.rows[1].$dist - 0.2) < 1e-6);
    assert.deepEqual(near.billing, { billable_logical_bytes_queried: 256000000, billable_logical_bytes_returned: 24 });
    assert.equal(near.performance.exhaustive_search_count, 3);
    assert.ok(near.performance.server_total_ms > 2 && near.performance.query_execution_ms > 2);
  },

  async 'aggregates and multi-queries'() {
    const ns = fresh();
    await ns.write({ upsert_rows: [1, 2, 3].map((id) => ({ id, model: id < 3 ? 'a' : 'b', cost: id })) });
    assert.deepEqual((await ns.query({ aggregate_by: { n: ['Count', 'id'] } })).aggregations, { n: 3 });
    const groups = await ns.query({ aggregate_by: { sum: ['Sum', 'cost'] }, group_by: ['model'] });
    assert.deepEqual(groups.aggregation_groups, [{ model: 'a', sum: 3 }, { model: 'b', sum: 3 }]);
    const { results } = await ns.multiQuery({
      queries: [
        { rank_by: ['id', 'desc'], limit: 1 },
        { aggregate_by: { n: ['Count'] }, filters: ['model', 'Eq', 'a'] },
      ],
    });
    assert.deepEqual(results, [{ rows: [{ id: 3 }] }, { aggregations: { n: 2 } }]);
  },

  async 'deletes by filter'() {
    const ns = fresh();
    await ns.write({ upsert_rows: [1, 2, 3, 4].map((id) => ({ id, a: 'x' })) });
    await fault(ns, 'write', { fault: 'filter_cap', rows: 3 });
    const sweep = { delete_by_filter: ['a', 'Eq', 'x'], delete_by_filter_allow_partial: true };
    const first = await ns.write(sweep);
    assert.deepEqual([first.rows_deleted, first.rows_remaining], [3, true]);
    const second = await ns.write(sweep);
    assert.deepEqual([second.rows_deleted, second.rows_remaining], [1, false]);
    assert.deepEqual(ids(await ns.query({ rank_by: ['id', 'asc'], limit: 10 })), []);
  },

  async 'namespaces, schema and metadata'() {
    const tpuf = client();
    const prefix = `node_${randomUUID()}`;
    const names = [0, 1, 2].map((n) => `${prefix}_${n}`);
    for (const name of names) await tpuf.namespace(name).write({ upsert_rows: [{ id: 1, title: 'x' }] });
    const listed = [];
    for await (const found of tpuf.namespaces({ prefix, page_size: 2 })) listed.push(found.id);
    assert.deepEqual(listed, names);
    const ns = tpuf.namespace(names[0]);
    const { created_at, updated_at, last_write_at, ...metadata } = await ns.metadata();
    assert.ok(Date.parse(created_at) && Date.parse(updated_at) && Date.parse(last_write_at));
    assert.deepEqual(metadata, {
      schema: { id: { type: 'uint' }, title: { type: 'string', filterable: true } },
      approx_row_count: 0,
      approx_logical_bytes: 0,
      encryption: { mode: 'default' },
      index: { status: 'up-to-date' },
    });
    const schema = await ns.updateSchema({ schema: { title: { type: 'string', filterable: false } } });
    assert.deepEqual(schema.title, { type: 'string', filterable: false, full_text_search: null });
    assert.equal((await ns.hintCacheWarm()).status, 'ACCEPTED');
    assert.equal(await ns.exists(), true);
    await ns.deleteAll();
    assert.equal(await ns.exists(), false);
  },

  async 'errors and their classes'() {
    const ns = fresh();
    const query = (extra) => ns.query({ rank_by: ['id', 'asc'], limit: 1, ...extra });
    await refused(query(), NotFoundError, 'was not found');
    await ns.write({ upsert_rows: [{ id: 1 }] });
    await refused(ns.write({ upsert_rows: [{ id: 2 }, { id: 2 }] }), BadRequestError, 'duplicate document IDs');
    await refused(query({ consistency: 'eventual' }), UnprocessableEntityError, 'expected struct Consistency');
    for (const [status, error] of [[409, ConflictError], [429, RateLimitError], [500, InternalServerError]]) {
      await fault(ns, 'query', { fault: 'status', status });
      await refused(query(), error);
    }
    await fault(ns, 'query', { fault: 'reset_before' });
    await refused(query(), APIConnectionError);
    await fault(ns, 'query', { fault: 'hang', ms: 2000 });
    await refused(
      ns.query({ rank_by: ['id', 'asc'], limit: 1 }, { timeout: 200 }),
      APIConnectionTimeoutError,
    );
  },

  async 'retries survive faults'() {
    const ns = fresh({ maxRetries: 4 });
    await ns.write({ schema: { ver: 'uint' }, upsert_rows: [{ id: 1, ver: 1 }] });
    await fault(ns, 'write', { fault: 'status', status: 503, plain: true });
    await fault(ns, 'write', { fault: 'reset_after' });
    const written = await ns.write({
      upsert_rows: [{ id: 1, ver: 2 }],
      upsert_condition: ['ver', 'Lt', { $ref_new: 'ver' }],
    });
    assert.equal(written.rows_upserted, 0, 'the try whose answer was lost had won');
    const counters = await admin('GET', '/counters');
    assert.equal(counters.namespaces[ns.name].requests.write, 4);
    const seen = await ns.query({ rank_by: ['id', 'asc'], limit: 1, include_attributes: ['ver'] });
    assert.deepEqual(seen.rows, [{ id: 1, ver: 2 }]);
  },

  async 'compressed bodies'() {
    const ns = fresh({ compression: true });
    await ns.write({ upsert_rows: [...Array(50).keys()].map((id) => ({ id, text: 'b'.repeat(1024) })) });
    const result = await ns.query({ rank_by: ['id', 'asc'], limit: 50, include_attributes: true });
    assert.equal(result.rows.length, 50);
    assert.ok(result.performance.client_decompress_ms > 0, 'the answer was compressed');
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`node: ${name}`);
}
