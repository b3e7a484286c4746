/* The panels: each talks to this server with what every browser has, and shows what it saw. */

const $ = (selector, root = document) => root.querySelector(selector);
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

function octets(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1048576) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1048576).toFixed(1)} MiB`;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Theme

const theme = $('#theme');
const systemDark = matchMedia('(prefers-color-scheme: dark)');

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === undefined ? systemDark.matches : chosen === 'dark';
}

function showTheme() {
  theme.textContent = isDark() ? 'Light' : 'Dark';
  theme.setAttribute('aria-label', isDark() ? 'Use light colours' : 'Use dark colours');
}

const remembered = localStorage.getItem('theme');
if (remembered) document.documentElement.dataset.theme = remembered;
theme.addEventListener('click', () => {
  const next = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  localStorage.setItem('theme', next);
  showTheme();
});
systemDark.addEventListener('change', showTheme);
showTheme();

// The monitor: one event stream, open as long as the page

const COLUMNS = 60;
const trace = $('#trace');
const columns = Array.from({ length: COLUMNS }, () => {
  const column = element('i');
  column.append(element('b'), element('b'));
  trace.append(column);
  return column;
});
const history = [];
const uploads = new EventTarget();
let before;

/** Octets on a scale where one is visible and a GiB fits. */
const height = (count) => (count <= 0 ? 0 : Math.min(1, Math.log2(1 + count) / 26));

function beat(facts) {
  const out = before ? facts.sent - before.sent : 0;
  const into = before ? facts.received - before.received : 0;
  before = facts;
  history.push([out, into]);
  if (history.length > COLUMNS) history.shift();
  columns.forEach((column, index) => {
    const [sent, received] = history[index + history.length - COLUMNS] ?? [0, 0];
    column.firstChild.style.transform = `scaleY(${height(sent)})`;
    column.lastChild.style.transform = `scaleY(${height(received)})`;
  });
  $('#n-connections').textContent = facts.connections;
  $('#n-answers').textContent = facts.answers.toLocaleString('en');
  $('#n-received').textContent = octets(facts.received);
  $('#n-sent').textContent = octets(facts.sent);
  $('#n-held').textContent = octets(facts.heldBytes);
  $('#n-memory').textContent = octets(facts.residentBytes);
  $('#beat').classList.toggle('on');
}

const pulse = new EventSource('/api/pulse');
pulse.onmessage = ({ data }) => {
  const facts = JSON.parse(data);
  $('#monitor').classList.remove('lost');
  beat(facts);
  uploads.dispatchEvent(new CustomEvent('read', { detail: facts }));
};
pulse.onerror = () => $('#monitor').classList.add('lost');

const arrival = performance.getEntriesByType('navigation')[0]?.nextHopProtocol;
if (arrival) $('#protocol').textContent = arrival.toUpperCase();

// Panels

const panels = [];

/** `run` gets the panel and a way to say what happens; its last word is the panel's note. */
function panel(id, run) {
  const root = document.getElementById(id);
  const button = $('[data-run]', root);
  const note = $('.note', root);
  const say = (text) => { note.textContent = text; };
  const start = async () => {
    if (root.dataset.state === 'running') return;
    root.dataset.state = 'running';
    button.disabled = true;
    say('');
    try {
      say(await run(root, say));
      root.dataset.state = 'done';
    } catch (error) {
      say(`${error.message}. Is the server still there?`);
      root.dataset.state = 'failed';
    }
    button.disabled = false;
  };
  button.addEventListener('click', start);
  panels.push(start);
}

$('#all').addEventListener('click', async ({ target }) => {
  target.disabled = true;
  for (const start of panels) await start();
  target.disabled = false;
});

panel('stream', async (root, say) => {
  const text = $('[data-text]', root);
  const blocks = $('[data-blocks]', root);
  text.replaceChildren();
  blocks.replaceChildren();
  const began = performance.now();
  const response = await fetch('/api/stream');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const first = performance.now() - began;
  let pieces = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text.append(element('span', '', value));
    text.scrollTop = text.scrollHeight;
    blocks.append(element('i'));
    pieces++;
    say(`${pieces} pieces`);
  }
  blocks.append(element('i', 'last'));
  return `${response.status} · ${pieces} pieces over ${seconds(performance.now() - began)}` +
    ` · the first after ${seconds(first)}`;
});

panel('small', async (root, say) => {
  const bars = $('[data-bars]', root);
  bars.replaceChildren(...Array.from({ length: 100 }, () => element('i')));
  const colours = new Map();
  const times = [];
  let next = 0;
  const worker = async () => {
    while (next < 100) {
      const bar = bars.children[next++];
      const began = performance.now();
      const { connection } = await (await fetch('/api/small')).json();
      const ms = performance.now() - began;
      times.push(ms);
      if (!colours.has(connection)) colours.set(connection, colours.size);
      bar.className = `c${colours.get(connection) % 6}`;
      bar.style.height = `${Math.min(100, 12 * Math.log2(1 + 4 * ms))}%`;
      say(`${times.length} of 100`);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: 4 }, worker));
  const total = performance.now() - began;
  const median = times.sort((a, b) => a - b)[50].toFixed(1);
  const used = colours.size === 1 ? '1 connection' : `${colours.size} connections`;
  return `100 answers in ${seconds(total)} over ${used} · median ${median} ms`;
});

function noise(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return new Blob([bytes]);
}

async function sha256(blob) {
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
  return Array.from(sum, (octet) => octet.toString(16).padStart(2, '0')).join('');
}

/** XMLHttpRequest, since fetch does not tell how far an upload is. */
function post(url, blob, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', url);
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded }) => progress(loaded);
    request.onload = () => resolve(request.response);
    request.onerror = () => reject(new Error('The upload broke'));
    request.send(blob);
  });
}

panel('upload', async (root, say) => {
  const [sent, read] = [$('[data-sent]', root), $('[data-read]', root)];
  const [here, there] = [$('[data-here]', root), $('[data-there]', root)];
  sent.value = read.value = 0;
  here.textContent = there.textContent = '…';
  const blob = $('[data-file]', root).files[0] ?? noise(8 * 1048576);
  const name = crypto.randomUUID();
  const pace = $('[data-slow]', root).checked ? '&pace=4' : '';
  let most = 0;
  const follow = ({ detail }) => {
    const count = detail.uploads[name];
    if (count === undefined) return;
    read.value = count / blob.size;
    most = Math.max(most, detail.heldBytes);
    say(`handler read ${octets(count)} · server holds ${octets(detail.heldBytes)}`);
  };
  uploads.addEventListener('read', follow);
  try {
    const local = sha256(blob);
    const progress = (count) => { sent.value = count / blob.size; };
    const answer = await post(`/api/upload?name=${name}${pace}`, blob, progress);
    read.value = 1;
    there.textContent = answer.sha256;
    here.textContent = await local;
    if (here.textContent !== answer.sha256) throw new Error('The sums differ');
    const held = most > 0 ? ` · held at most ${octets(most)}` : '';
    const took = `${octets(answer.bytes)} in ${seconds(answer.ms)}`;
    return `${took}, ${answer.pieces} pieces · the same sum${held}`;
  } finally {
    uploads.removeEventListener('read', follow);
  }
});

$('[data-file]').addEventListener('change', ({ target }) => {
  const [file] = target.files;
  $('#upload [data-run]').textContent = file ? `Upload ${octets(file.size)}` : 'Upload 8 MiB';
});

/** Reads an event stream until `take` says false; fetch, to choose Last-Event-ID and to cut it. */
async function follow(after, take) {
  const cut = new AbortController();
  const headers = { 'last-event-id': String(after) };
  const response = await fetch('/api/events', { headers, signal: cut.signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    text += (await reader.read()).value;
    const events = text.split('\n\n');
    text = events.pop();
    for (const event of events) {
      if (take(Number(/^id: (\d+)$/m.exec(event)[1]))) continue;
      cut.abort();
      return;
    }
  }
}

panel('events', async (root, say) => {
  const ids = $('[data-ids]', root);
  ids.replaceChildren();
  let last = 0;
  let gaps = 0;
  const show = (id, className) => {
    if (last > 0 && id !== last + 1) gaps++;
    last = id;
    ids.append(element('i', className, id));
    say(`event ${id}`);
  };
  // An id that nobody has reached means: from now on.
  await follow(999_999_999_999, (id) => {
    show(id, '');
    return ids.children.length < 12;
  });
  const cutAt = last;
  ids.append(element('i', 'cut', 'cut'));
  say(`cut after ${cutAt}, waiting`);
  await later(700);
  const resumed = performance.now();
  let missed = 0;
  await follow(cutAt, (id) => {
    const late = performance.now() - resumed < 60;
    if (late) missed++;
    show(id, late ? 'missed' : '');
    return id < cutAt + 18;
  });
  if (gaps > 0) throw new Error(`${gaps} events were lost`);
  return `resumed after ${cutAt} · ${missed} missed events came at once · none lost`;
});

panel('inspect', async (root) => {
  const response = await fetch('/api/inspect?asked=by-this-page', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-from-this-page': 'hello, server' },
    body: JSON.stringify({ time: new Date().toISOString() }),
  });
  const seen = await response.json();
  const row = (name, value) => {
    const line = element('tr');
    const head = element('th', '', name);
    head.scope = 'row';
    line.append(head, element('td', '', value));
    return line;
  };
  $('[data-fields]', root).replaceChildren(
    row(seen.method, `${seen.target} HTTP/${seen.version}`),
    ...seen.fields.map(([name, value]) => row(name, value)),
  );
  return `${seen.fields.length} field lines, ${seen.bytes} octets of content · request ` +
    `${seen.requests} of connection ${seen.connection}, your port ${seen.port}`;
});

// The bare wire

const get = (path, ...lines) => [`GET ${path} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\n');

const PRESETS = {
  'Pipelining': [300, 0, 100, 0].map((ms) => get(`/api/slow/${ms}`)).join(''),
  'Early hints': get('/api/hints'),
  'Trailers, there': [
    'POST /api/inspect HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Trailer: x-sum', '',
    '5', 'hello', '7;note=an-extension', ', world', '0', 'x-sum: 4ae7c3b6', '', '',
  ].join('\n'),
  'Trailers, back': get('/api/trailers'),
  '100-continue': [
    'POST /api/inspect HTTP/1.1', 'Host: a', 'Expect: 100-continue', 'Content-Length: 5', '',
    'hello',
  ].join('\n'),
  'A part': get('/script.js', 'Range: bytes=0-96'),
  'Smuggling': [
    'POST / HTTP/1.1', 'Host: a', 'Content-Length: 6', 'Transfer-Encoding: chunked', '',
    '0', '', 'GET /admin HTTP/1.1', 'Host: a', '', '',
  ].join('\n'),
  'Odd space': get('/', 'Content-Length : 5'),
  'Two hosts': get('/', 'Host: b'),
  'Too long': get(`/${'x'.repeat(8200)}`),
};

function showReceived(pre, { pieces, ended }) {
  pre.replaceChildren();
  for (const { ms, text } of pieces) {
    pre.append(element('span', 'when', `after ${ms} ms\n`));
    for (const line of text.split(/(?<=\n)/)) {
      const status = /^HTTP\/1\.1 (\d)\d\d /.exec(line);
      pre.append(status ? element('span', `status s${status[1]}`, line) : line);
    }
    if (!text.endsWith('\n')) pre.append('\n');
    pre.append('\n');
  }
  const end = ended ? 'The server closed the connection.' : 'The connection is still open.';
  pre.append(element('span', 'when', end));
}

panel('wire', async (root) => {
  const lines = $('[data-sent]', root).value.replace(/\r?\n/g, '\r\n');
  const response = await fetch('/api/wire', { method: 'POST', body: lines });
  const answer = await response.json();
  showReceived($('[data-received]', root), answer);
  const all = answer.pieces.map(({ text }) => text).join('');
  const statuses = [...all.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => match[1]);
  return `${octets(lines.length)} sent, ${octets(answer.bytes)} received · ${statuses.join(', ')}`;
});

const presets = $('[data-presets]');
const sent = $('#wire [data-sent]');

function choose(name) {
  sent.value = PRESETS[name];
  for (const button of presets.children) {
    button.setAttribute('aria-pressed', String(button.textContent === name));
  }
}

for (const name of Object.keys(PRESETS)) {
  const button = element('button', '', name);
  button.type = 'button';
  button.addEventListener('click', () => {
    choose(name);
    $('#wire [data-run]').click();
  });
  presets.append(button);
}
choose('Pipelining');
