
'use strict';
// Draws /status.json, again and again. Everything from there reaches the document as text, never as HTML.

const every = 2000;  // ms between two questions
const patience = 8000;  // ms that an answer may take
const points = 60;  // of a sparkline: two minutes

const svgNames = new Set(['svg', 'path', 'circle', 'polyline', 'polygon']);

// h makes an element. A null among the children is left out.
function h(name, attributes, ...children) {
  const e = svgNames.has(name) ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) if (v !== null && v !== undefined && v !== false) e.setAttribute(k, v);
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== ''));
  return e;
}

// morph makes one tree like the other where they differ, so that what the reader has selected or scrolled stays.
function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) { from.replaceWith(to); return; }
  if (from.nodeType !== Node.ELEMENT_NODE) { if (from.data !== to.data) from.data = to.data; return; }
  for (const a of [...from.attributes]) if (!to.hasAttribute(a.name)) from.removeAttribute(a.name);
  for (const a of [...to.attributes]) if (from.getAttribute(a.name) !== a.value) from.setAttribute(a.name, a.value);
  const old = [...from.childNodes], now = [...to.childNodes];
  now.forEach((n, i) => { if (i < old.length) morph(old[i], n); else from.append(n); });
  old.slice(now.length).forEach((n) => n.remove());
}

// Numbers, and times in seconds, as people read them.
const count = (n) => n.toLocaleString('en');
function short(n) {
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]]) if (n >= 10 * size) return (n / size).toFixed(n >= 100 * size ? 0 : 1) + ' ' + unit;
  return count(Math.round(n));
}
function span(s) {
  s = Math.max(0, Math.floor(s));
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']].filter(([size]) => s >= size || size === 1);
  const [big, small] = parts;
  const first = Math.floor(s / big[0]) + ' ' + big[1];
  const rest = small && Math.floor((s % big[0]) / small[0]);
  return rest ? first + ' ' + rest + ' ' + small[1] : first;
}
const perSecond = (r) => r === null ? '' : r === 0 ? '–' : (r < 10 ? r.toFixed(1) : short(r)) + ' /s';

// Marks differ in shape, not only in colour.
const shapes = {
  good: () => h('svg', {viewBox: '0 0 16 16', 'aria-hidden': 'true'}, h('circle', {cx: 8, cy: 8, r: 7.5, fill: 'currentColor'}),
    h('path', {d: 'M4.5 8.3l2.4 2.4 4.6-5', fill: 'none', stroke: 'var(--card)', 'stroke-width': 1.8, 'stroke-linecap': 'round', 'stroke-linejoin': 'round'})),
  doubt: () => h('svg', {viewBox: '0 0 16 16', 'aria-hidden': 'true'}, h('path', {d: 'M8 .8L15.6 14.6H.4z', fill: 'currentColor'}),
    h('path', {d: 'M8 5.6v4.2M8 12.2v.1', stroke: 'var(--card)', 'stroke-width': 1.8, 'stroke-linecap': 'round'})),
  bad: () => h('svg', {viewBox: '0 0 16 16', 'aria-hidden': 'true'}, h('path', {d: 'M5 .5h6L15.5 5v6L11 15.5H5L.5 11V5z', fill: 'currentColor'}),
    h('path', {d: 'M5.4 5.4l5.2 5.2m0-5.2l-5.2 5.2', stroke: 'var(--card)', 'stroke-width': 1.8, 'stroke-linecap': 'round'})),
  wait: () => h('svg', {viewBox: '0 0 16 16', 'aria-hidden': 'true'}, h('circle', {cx: 8, cy: 8, r: 6.7, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6}),
    h('path', {d: 'M8 4.2V8l2.6 1.8', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6, 'stroke-linecap': 'round', 'stroke-linejoin': 'round'})),
};

// rates remembers counters from one answer to the next.
const rates = {
  at: 0, seconds: 0, last: new Map(), next: new Map(), history: new Map(),
  begin(now) { this.seconds = this.at ? (now - this.at) / 1000 : 0; this.at = now; this.next = new Map(); },
  end() { this.last = this.next; },
  // of gives a counter's rate; null when nothing is known yet, or it began anew.
  of(key, value) {
    const before = this.last.get(key);
    this.next.set(key, value);
    return before === undefined || this.seconds <= 0 || value < before ? null : (value - before) / this.seconds;
  },
  note(key, rate) {
    const list = this.history.get(key) || [];
    if (rate !== null) list.push(rate);
    this.history.set(key, list.slice(-points));
    return this.history.get(key);
  },
};

function sparkline(list) {
  if (list.length < 2) return null;
  const top = Math.max(...list, 1);
  const at = list.map((v, i) => (84 - (list.length - 1 - i) * 84 / (points - 1)).toFixed(1) + ',' + (28 - v / top * 26).toFixed(1));
  return h('svg', {viewBox: '0 0 84 30', 'aria-hidden': 'true'}, h('polyline', {points: at.join(' '), fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5, 'stroke-linejoin': 'round'}));
}

// toneOf a section: what its operator is to think of it.
const toneOf = (s) => !s.released ? 'wait' : s.whole ? 'good' : 'doubt';
const wordOf = (s) => !s.released ? 'silent' : s.whole ? 'whole' : 'not whole';
const plural = (n, word) => n + ' ' + word + (n === 1 ? '' : 's');

// verdict is the one sentence for who looks for one second.
function verdict(st) {
  if (!st.alive) return ['bad', 'Stuck: ' + st.dead];
  if (!st.sections.length) return ['doubt', 'No aggregations section'];
  const silent = st.sections.filter((s) => !s.released), partial = st.sections.filter((s) => s.released && !s.whole);
  const missing = (list) => [...new Set(list.flatMap((s) => s.missing))].join(', ') || 'nobody';
  if (silent.length) return ['wait', 'Silent until every source has taught; waiting for ' + missing(silent)];
  if (partial.length) return ['doubt', 'Sums are not whole; missing ' + missing(partial)];
  return ['good', 'Whole: every source is connected and has taught'];
}

// links lists each peer once: sections that share a peer share its session.
function links(st) {
  const found = new Map();
  for (const s of st.sections) for (const p of s.peers) if (!found.has(s.local + '\n' + p.name)) found.set(s.local + '\n' + p.name, p);
  return found;
}

function drawHeader(st, tone, text) {
  const names = [...new Set(st.sections.map((s) => s.local))].join(', ') || 'stktc';
  document.title = {good: '● ', doubt: '▲ ', bad: '✕ ', wait: '○ '}[tone] + names + ' – stktc';
  const revision = st.revision ? ' (' + st.revision.slice(0, 12) + ')' : '';
  return h('header', null,
    h('div', {class: 'who ' + tone}, shapes[tone](), h('div', null, h('h1', null, names), h('p', {class: 'verdict'}, text))),
    h('div', {class: 'build small quiet'},
      h('p', null, 'stktc ' + st.version + revision + ', ' + st.go),
      h('p', null, 'process ' + st.pid + (st.node ? ' on ' + st.node : '')),
      h('p', {title: 'since ' + st.started}, 'running for ' + span(st.uptime_seconds))));
}

function tile(label, value, extra, drawing) {
  return h('div', {class: 'tile'}, h('div', null, h('span', {class: 'quiet small'}, label), h('b', null, value, extra ? h('small', null, ' ' + extra) : null)), drawing);
}

function drawTiles(st) {
  const all = links(st), sum = (of) => [...all.values()].reduce((n, p) => n + of(p), 0);
  const total = {in: 0, out: 0}, known = {in: false, out: false};
  for (const [key, p] of all) {
    for (const [way, n] of [['in', p.updates_in], ['out', p.updates_out]]) {
      p[way + '_rate'] = rates.of(key + '\n' + way, n);
      if (p[way + '_rate'] !== null) { total[way] += p[way + '_rate']; known[way] = true; }
    }
  }
  const tables = st.sections.flatMap((s) => s.tables);
  const flow = (label, way, n) => {
    const rate = known[way] ? total[way] : null;
    return tile(label, rate === null ? count(n) : short(rate), rate === null ? 'so far' : '/s', sparkline(rates.note(way, rate)));
  };
  return h('div', {class: 'tiles'},
    tile('peers connected', sum((p) => p.connected ? 1 : 0) + ' of ' + all.size),
    tile('keys', count(tables.reduce((n, t) => n + t.used, 0)), 'in ' + plural(tables.length, 'table')),
    flow('updates in', 'in', sum((p) => p.updates_in)),
    flow('updates out', 'out', sum((p) => p.updates_out)),
    drawFaults(st.faults), drawReloads(st));
}

function drawFaults(f) {
  const all = f.malformed + f.too_long + f.reported;
  return all ? tile('protocol faults', count(all), f.reported ? count(f.reported) + ' reported by peers' : '') : null;
}

function drawReloads(st) {
  const r = st.reloads;
  if (!r.last) return tile('configuration', 'as started');
  return tile('configuration', r.last_error ? 'refused' : 'reloaded', span((Date.parse(st.now) - Date.parse(r.last)) / 1000) + ' ago');
}

const places = {node: 'node', up: '↑ up', down: '↓ down', replica: '= replica'};

function drawState(st, s, p) {
  const tone = p.connected ? (p.missing ? 'wait' : 'good') : p.missing && !s.whole ? 'bad' : 'doubt';
  const age = span((Date.parse(st.now) - Date.parse(p.since)) / 1000);
  const how = p.connected ? (p.inbound ? 'it dialled' : 'we dialled') + ', from ' + p.remote : p.last_status_text;
  return h('span', {class: 'state ' + tone, title: how + ', since ' + p.since}, shapes[tone](), (p.connected ? 'connected' : 'away') + ' for ' + age);
}

// drawNote says what is wrong with a peer, or out of the ordinary.
function drawNote(p) {
  const bad = [], plain = [];
  if (!p.connected && (p.last_error || p.last_status !== 'ESTA')) bad.push((p.last_error || p.last_status_text).split('\n')[0]);
  if (p.unacked_seconds > 2) bad.push('has acknowledged nothing for ' + span(p.unacked_seconds));
  if (p.refuses.length) bad.push('does not take ' + p.refuses.join(', '));
  for (const r of p.refused) bad.push('its table ' + r.table + ' is not summed: ' + r.reason);
  if (p.group) plain.push('group ' + p.group + (p.counts ? ', counts' : ', stands by'));
  if (p.dynamic) plain.push('not in the configuration');
  return h('td', {class: 'wide small'}, bad.length ? h('span', {class: 'note doubt'}, bad.join('; ')) : null, bad.length && plain.length ? '; ' : null, plain.join('; '));
}

function drawTLS(p) {
  if (!p.tls.version) return null;
  const whose = !p.tls.peer ? 'no certificate' : p.tls.peer + (p.tls.verified ? '' : ', not verified');
  return h('div', {class: 'quiet small', title: p.tls.cipher}, p.tls.version + ', ' + whose);
}

const lessons = {none: 'nothing yet', partial: 'a part', finished: 'everything'};
const number = (n, rate) => h('td', {class: 'number'}, count(n), h('small', null, perSecond(rate)));

function drawPeers(st, s) {
  if (!s.peers.length) return h('p', {class: 'none quiet'}, 'No peers.');
  const flows = links(st);
  return h('div', {class: 'scroll'}, h('table', null,
    h('thead', null, h('tr', null, ['peer', 'place', 'state', 'has taught'].map((t) => h('th', {scope: 'col'}, t)),
      ['in', 'out', 'ignored', 'sessions'].map((t) => h('th', {scope: 'col', class: 'number'}, t)), ['address', ''].map((t) => h('th', {scope: 'col'}, t)))),
    h('tbody', null, s.peers.map((p) => {
      const flow = flows.get(s.local + '\n' + p.name);
      return h('tr', null, h('th', {scope: 'row', class: 'name', title: p.name}, p.name), h('td', null, places[p.direction] || p.direction), h('td', null, drawState(st, s, p)),
        h('td', {class: p.lesson === 'finished' ? null : 'quiet'}, p.connected ? lessons[p.lesson] || p.lesson : ''),
        number(p.updates_in, flow.in_rate), number(p.updates_out, flow.out_rate), number(p.ignored, null), number(p.sessions, null),
        h('td', {class: 'mono'}, p.address, drawTLS(p)), drawNote(p));
    }))));
}

// losses says what of a table is not as its peers counted it.
function losses(t) {
  return [[t.evicted, 'key', ' evicted for want of memory'], [t.partial, 'key', ' held back until all contributors have told of them'],
    [t.crowded, 'update', ' passed over: too many contributors to a key']].filter(([n]) => n).map(([n, word, what]) => plural(n, word) + what);
}

function drawTable(s, t) {
  const from = t.kind === 'sum' ? ['sum of ', h('code', null, t.source)] : [t.kind === 'lease' ? 'our own lease' : 'from above'];
  const shape = t.type ? 'type ' + t.type + (t.store ? ' store ' + t.store : '') : 'not defined yet';
  return h('tr', null, h('th', {scope: 'row', class: 'name', title: t.name}, t.name), h('td', {class: 'number'}, count(t.used)),
    number(t.updates, rates.of(s.name + '\n' + t.name, t.updates)), h('td', null, from),
    h('td', {class: 'wide'}, h('code', null, shape), losses(t).map((l) => h('div', {class: 'note doubt small'}, l)), t.left_out.map((l) => h('div', {class: 'note doubt small'}, 'left out of the sum, ' + l))),
    h('td', {class: 'wide small'}, t.contributors.map((c, i) => [i ? ', ' : null, h('span', {class: c.connected ? null : 'quiet'}, c.peer + (c.connected ? '' : ' (away)'))])));
}

function drawTables(s) {
  if (!s.tables.length) return h('p', {class: 'none quiet'}, 'No tables yet: none of the peers has sent one that a rule takes.');
  return h('div', {class: 'scroll'}, h('table', null,
    h('thead', null, h('tr', null, h('th', {scope: 'col'}, 'table'), ['keys', 'updates'].map((t) => h('th', {scope: 'col', class: 'number'}, t)),
      ['what it is', 'shape', 'contributors'].map((t) => h('th', {scope: 'col'}, t)))),
    h('tbody', null, s.tables.map((t) => drawTable(s, t)))));
}

function drawSection(st, s) {
  const tone = toneOf(s);
  return h('section', {class: 'section ' + tone},
    h('div', {class: 'head'}, h('h2', null, s.name), h('span', {class: 'badge'}, shapes[tone](), wordOf(s)), s.writing ? null : h('span', {class: 'badge wait'}, 'standing by'),
      h('p', {class: 'condition quiet'}, s.condition)),
    h('div', {class: 'rules mono'}, h('span', {class: 'chip'}, s.local + ' on ' + s.listen),
      s.rules.map((r) => h('span', {class: 'chip'}, (r.from || 'any') + ' → ' + r.to + (r.up_only ? ' (up only)' : ''))),
      s.forwards.map((f) => h('span', {class: 'chip'}, 'forward ' + f)),
      s.group_takeovers ? h('span', {class: 'chip'}, plural(s.group_takeovers, 'change') + ' of who counts') : null,
      s.replica_takeovers ? h('span', {class: 'chip'}, plural(s.replica_takeovers, 'take-over') + ' from a replica') : null),
    drawPeers(st, s), drawTables(s));
}

function draw(st) {
  rates.begin(Date.parse(st.now));
  const [tone, text] = verdict(st);
  const main = h('main', {id: 'main'}, drawHeader(st, tone, text),
    st.reloads.last_error ? h('p', {class: 'alarm doubt'}, h('strong', null, 'What runs is not what the file says. '), 'The last reload was refused: ' + st.reloads.last_error) : null,
    drawTiles(st), st.sections.map((s) => drawSection(st, s)));
  rates.end();
  morph(document.getElementById('main'), main);
}

// stale says how old the picture is when the aggregator does not answer; null: it is fresh.
function stale(problem) {
  const box = document.getElementById('stale');
  box.hidden = !problem;
  document.getElementById('main').classList.toggle('old', Boolean(problem) && answered > 0);
  if (!problem) return;
  box.textContent = 'The aggregator does not answer: ' + problem + '. ' + (answered ? 'What follows is ' + span((Date.now() - answered) / 1000) + ' old.' : '');
  if (answered) document.title = '? ' + document.title.replace(/^\S /, '');
}

let answered = 0;  // ms, by this machine's clock

async function ask() {
  try {
    const reply = await fetch('/status.json', {cache: 'no-store', signal: AbortSignal.timeout(patience)});
    if (!reply.ok) throw new Error('HTTP ' + reply.status);
    draw(await reply.json());
    answered = Date.now();
    stale(null);
  } catch (e) {
    stale(e.message);
  }
}

// A page that nobody looks at asks nothing.
async function run() {
  for (;;) {
    if (document.hidden) await new Promise((seen) => document.addEventListener('visibilitychange', seen, {once: true}));
    else { await ask(); await new Promise((later) => setTimeout(later, every)); }
  }
}
run();
