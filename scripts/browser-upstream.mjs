// The server of the page, and a second one as another origin, with every way in which an upstream can fail. The page sends
// `?id=…` with each request, and uses that id to wait for what the server sees of the request.
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';

const text = { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' }; // sniffing would wait for more bytes
const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html' };
const events = { 'content-type': 'text/event-stream' };

/** The behavior of the server, by path. */
const behaviors = {
  '/slow': () => {},
  '/drip': (response) => response.writeHead(200, text).write('drip'),
  '/json': (response) => response.writeHead(200, json).end('{"name":"Alice"}'),
  '/204': (response) => response.writeHead(204).end(),
  '/404': (response) => response.writeHead(404, text).end('no such user'),
  '/500': (response) => response.writeHead(500, text).end('no luck'),
  '/html': (response) => response.writeHead(200, html).end('<h1>Hello</h1>'),
  '/latin1': (response) => response.writeHead(200, text).end(Buffer.from([0x22, 0xe4, 0x22])),
  '/garbage': (response) => response.socket.end('220 smtp.test ESMTP\r\n'),
  '/reset': (response) => response.socket.resetAndDestroy(),
  '/hang-up': (response) => response.socket.end(),
  '/cut': (response) =>
    response.writeHead(200, { ...json, 'content-length': 100 }).write('{"name":', () => response.socket.end()),
  '/cut-chunks': (response) => response.writeHead(200, json).write('{"name":', () => response.socket.end()),
  '/no-gzip': (response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('{"name":"Alice"}'),
  '/endless': (response) => forever(response.writeHead(200, text)),
  '/endless-500': (response) => forever(response.writeHead(500, text)),
  '/bomb': (response) => forever(response.writeHead(200, { ...text, 'content-encoding': 'gzip' }), createGzip()),
  '/redirect': (response, { search }) => response.writeHead(302, { location: `/json${search}` }).end(),
  '/redirect-elsewhere': (response, { elsewhere, search }) =>
    response.writeHead(302, { location: `${elsewhere}/json${search}` }).end(),
  '/bytes': (response, { searchParams }) => byteByByte(response, searchParams),
  '/restart': (response, { attempt, lastEventId = 'nothing' }) => {
    if (attempt === 2) response.writeHead(503).end();
    else response.writeHead(200, events).end(`retry: 0\nid: ${attempt}\ndata: after ${lastEventId}\n\n`);
  },
};

/** Sends `text` of the media type `type`, each byte in a chunk of its own, and then does `then`: ends, hangs or breaks. */
async function byteByByte(response, params) {
  response.writeHead(200, { ...text, 'content-type': params.get('type') });
  for (const byte of Buffer.from(params.get('text')))
    await new Promise((sent) => response.write(Buffer.of(byte), sent));
  if (params.get('then') === 'end') response.end();
  if (params.get('then') === 'break') response.socket.end();
}

/** Sends zeros until the client closes the connection. */
function forever(response, ...through) {
  const zeros = Buffer.alloc(2 ** 16);
  const source = function* () {
    for (;;) yield zeros;
  };
  pipeline(source, ...through, response, () => {});
}

/** A service worker that answers one path itself and forwards all other requests. */
const worker = `addEventListener('fetch', (event) => {
  const own = new URL(event.request.url).pathname === '/frame/name';
  event.respondWith(own ? new Response('the worker') : fetch(event.request));
});`;

/** Serves `files` (content types and bodies by path), and the behaviors above. */
export async function serve(files) {
  const pages = new Map([...files, ['/frame/', ['text/html', '']], ['/frame/worker.js', ['text/javascript', worker]]]);
  const records = new Map();
  const recordOf = (id) => {
    const record = records.get(id) ?? { methods: [], asked: deferred(), closed: deferred() };
    records.set(id, record);
    return record;
  };
  const open = new Set();
  let idle = deferred();

  const drop = (id) => {
    const record = recordOf(id);
    record.dropped = true; // browsers repeat the request once, on a fresh connection
    record.response?.destroy();
  };

  const handle = ({ method, url, headers }, response) => {
    const { pathname, search, searchParams } = new URL(url, 'http://localhost');
    const id = searchParams.get('id');
    const allowed = searchParams.get('cors'); // the header that a page of another origin may send
    response.setHeader('cache-control', 'no-store');
    if (allowed !== null) response.setHeader('access-control-allow-origin', '*');
    if (allowed) response.setHeader('access-control-allow-headers', allowed);
    if (pages.has(pathname)) {
      const [type, body] = pages.get(pathname);
      response.setHeader('content-type', type).end(body);
      return;
    }
    const record = recordOf(id);
    record.methods.push(method);
    record.response = response;
    record.asked.resolve();
    open.add(response);
    response.on('close', () => {
      open.delete(response);
      if (!response.writableFinished) record.closed.resolve();
      if (open.size === 0) idle.resolve();
    });
    if (record.dropped) response.destroy();
    else if (method === 'OPTIONS') response.writeHead(204).end();
    else {
      const details = {
        elsewhere,
        search,
        searchParams,
        attempt: record.methods.length,
        lastEventId: headers['last-event-id'],
      };
      (behaviors[pathname] ?? behaviors['/404'])(response, details);
    }
  };
  const servers = [createServer(handle), createServer(handle)];
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const [origin, elsewhere] = servers.map((server) => `http://127.0.0.1:${server.address().port}`);

  return {
    origin,
    /** The commands of spec/support/upstream.ts. */
    commands: {
      elsewhere: () => elsewhere,
      asked: (id) => recordOf(id).asked.promise,
      closed: (id) => recordOf(id).closed.promise,
      methods: (id) => recordOf(id).methods,
      answer: (id) => {
        const { response } = recordOf(id);
        response.end();
        return !response.destroyed;
      },
      drop,
      dropAll: () => {
        for (const id of records.keys()) drop(id);
      },
      idle: async () => {
        idle = deferred();
        if (open.size > 0) await idle.promise;
      },
    },
    close: () => {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function deferred() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}
