import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { interval } from 'rxjs';
import { BodyTooLargeError, DecodeError, HttpError, NetworkError, type NetworkErrorKind } from '../../lib/index.ts';

/** One way in which a server responds, mostly a bad one, and the outcome. */
export interface Fault {
  /** Writes the response to the socket of the request. */
  readonly respond: (socket: Socket, otherOrigin: string) => void;
  /** The outcome of `fetchJson`. */
  readonly json: Outcome;
  /** The end of the connection, as the server observes it. */
  readonly connection: 'closed' | 'reused' | 'never opened';
  /** The outcome of `fetchText`, if it is another one. */
  readonly text?: Outcome;
  /** The address of the request, if it is not the server's over HTTP. */
  readonly at?: 'nowhere' | 'https';
  /** The decoded bytes that are read of a longer body. The rest of a chunk comes with them. */
  readonly reads?: number;
}

/** A value, an error, or no outcome until the caller ends the request. */
export type Outcome = { readonly value: unknown } | Failure | 'pending';

export interface Failure {
  readonly error: abstract new (...args: never[]) => Error;
  /** The message without the ` from GET http://…` at its end. */
  readonly message: string | RegExp;
  /** The end of the message, behind the URL. */
  readonly advice?: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

type Respond = Fault['respond'];

const MiB = 2 ** 20;
const ok = 'HTTP/1.1 200 OK\r\n';
const noLuck = 'HTTP/1.1 500 No Luck\r\n';
const alice = '{"name":"Alice"}';
const html = 'text/html; charset=utf-8';
const blanks = ' '.repeat(2 ** 16);
/** 64 KiB on the wire, 64 MiB after decoding. */
const bomb = Buffer.concat(Array<Buffer>(64).fill(gzipSync(Buffer.alloc(MiB))));

/** Sends bytes, and then nothing. */
const send =
  (head: string, body: string | Buffer = ''): Respond =>
  (socket) => {
    socket.write(Buffer.concat([Buffer.from(head), Buffer.from(body)]));
  };

/** Sends a complete response. */
const reply = (body: string | Buffer, head = ok): Respond =>
  send(`${head}content-length: ${String(Buffer.byteLength(body))}\r\n\r\n`, body);

/** Sends bytes, and closes the connection. */
const end =
  (bytes: string): Respond =>
  (socket) => {
    socket.end(bytes);
  };

/** Sends bytes, and resets the connection once they are sent. */
const reset =
  (bytes: string): Respond =>
  (socket) => {
    if (bytes === '') socket.resetAndDestroy();
    else socket.write(bytes, () => setImmediate(() => socket.resetAndDestroy()));
  };

/** Sends bytes, and then one byte a second. */
const drip =
  (bytes: string): Respond =>
  (socket) => {
    socket.write(bytes);
    const drops = interval(1_000).subscribe(() => socket.write('.'));
    socket.once('close', () => {
      drops.unsubscribe();
    });
  };

/** Sends bytes, and then repeats `chunk` as fast as the client reads. */
const pour =
  (bytes: string, chunk: string | Buffer, times = Infinity): Respond =>
  (socket) => {
    let left = times;
    const writeChunks = (): void => {
      while (!socket.destroyed && left-- > 0 && socket.write(chunk));
    };
    socket.on('drain', writeChunks).write(bytes);
    writeChunks();
  };
const pour100MiB = (head: string): Respond =>
  pour(`${head}content-length: ${String(100 * MiB)}\r\n\r\n`, blanks, 1_600);

const redirect =
  (to: (otherOrigin: string) => string): Respond =>
  (socket, otherOrigin) => {
    reply('', `HTTP/1.1 302 Found\r\nlocation: ${to(otherOrigin)}\r\n`)(socket, otherOrigin);
  };

const network = (kind: NetworkErrorKind, message: string | RegExp): Failure => ({
  error: NetworkError,
  message,
  fields: { kind },
});
const socketClosed = 'UND_ERR_SOCKET';
const noAnswer = (code: string, kind: NetworkErrorKind = 'broken'): Failure => network(kind, `no answer (${code})`);
const cutShort = (code: string): Failure => network('broken', `a body cut short (${code})`);
/** libuv reports a reset that arrives together with bytes as an end. */
const connectionReset = (reason: string): Failure =>
  network('broken', new RegExp(`^${reason} \\((?:ECONNRESET|${socketClosed})\\)$`));
/** Only llhttp reports a code. */
const unparsable = (reason: string): Failure => network('broken', new RegExp(`^${reason}(?: \\(HPE_\\w+\\))?$`));
const withoutTls: Failure = {
  ...noAnswer('ERR_SSL_WRONG_VERSION_NUMBER', 'unsendable'),
  advice: ': check that the port is for https: and which versions of TLS the server accepts',
};
const refusedRedirect: Failure = {
  ...network('redirect', 'a refused redirect'),
  advice: ": request its target, or set redirect: 'follow'",
};
const failed = (body: string): Failure => ({ error: HttpError, message: 'HTTP 500', fields: { status: 500, body } });
const undecodable = (reason: string, status = 200, contentType: string | null = null): Failure => ({
  error: DecodeError,
  message: `${reason} (HTTP ${String(status)})`,
  fields: { status, contentType },
});
const notJson = (bytes: number, type?: string): Failure =>
  undecodable(`expected JSON, got ${String(bytes)} bytes of ${type ?? 'no content type'}`, 200, type);
const tooLarge: Failure = {
  error: BodyTooLargeError,
  message: `more than ${String(10 * MiB)} bytes`,
  fields: { maxBytes: 10 * MiB },
};

type More = Pick<Fault, 'text' | 'at' | 'reads'>;
const closed = (respond: Respond, json: Outcome, more?: More): Fault => ({
  respond,
  json,
  connection: 'closed',
  ...more,
});
const reused = (respond: Respond, json: Outcome, text = json): Fault => ({
  respond,
  json,
  connection: 'reused',
  text,
});

/** The path of a request is the name of its fault. */
export const faults: Readonly<Record<string, Fault>> = {
  healthy: reused(reply(alice), { value: { name: 'Alice' } }, { value: alice }),

  // No answer
  refuse: { at: 'nowhere', respond: end(''), json: noAnswer('ECONNREFUSED', 'connect'), connection: 'never opened' },
  'never-answer': closed(send(''), 'pending'),
  end: closed(end(''), noAnswer(socketClosed)),
  'end-in-headers': closed(end(`${ok}conte`), noAnswer(socketClosed)),
  reset: closed(reset(''), connectionReset('no answer')),
  'reset-in-headers': closed(reset(`${ok}conte`), connectionReset('no answer')),
  'drip-headers': closed(drip(`${ok}x-drops: `), 'pending'),
  'endless-headers': closed(pour(ok, 'x-more: and more\r\n'.repeat(1_000)), noAnswer('UND_ERR_HEADERS_OVERFLOW')),
  garbage: closed(send('220 smtp.test ESMTP\r\n'), unparsable('no answer')),
  tls: closed(send('', Buffer.from('15030100020228', 'hex')), unparsable('no answer')),
  'no-tls': closed(send('HTTP/1.1 400 No TLS\r\n\r\n'), withoutTls, { at: 'https' }),

  // A body that does not match its headers
  drip: closed(drip(`${ok}\r\n.`), 'pending', { reads: 1 }),
  'reset-in-body': closed(reset(`${ok}content-length: 100\r\n\r\n${alice}`), connectionReset('a body cut short')),
  'length-too-long': closed(end(`${ok}content-length: 100\r\n\r\n${alice}`), cutShort(socketClosed)),
  'length-too-short': closed(send(`${ok}content-length: 9\r\n\r\n${alice}`), notJson(9), {
    text: { value: '{"name":"' },
  }),
  'length-garbage': closed(send(`${ok}content-length: some\r\n\r\n${alice}`), unparsable('no answer')),
  'chunks-cut-short': closed(end(`${ok}transfer-encoding: chunked\r\n\r\n10\r\n${alice}\r\n`), cutShort(socketClosed)),
  'chunks-garbage': closed(send(`${ok}transfer-encoding: chunked\r\n\r\n${alice}`), unparsable('a body cut short')),
  'gzip-garbage': reused(reply(alice, `${ok}content-encoding: gzip\r\n`), cutShort('Z_DATA_ERROR')),

  // A body that is too large
  endless: closed(pour(`${ok}\r\n`, blanks), tooLarge, { reads: 10 * MiB }),
  '100-MiB': closed(pour100MiB(ok), tooLarge, { reads: 10 * MiB }),
  'gzip-bomb': closed(pour(`${ok}content-encoding: gzip\r\n\r\n`, bomb), tooLarge, { reads: 10 * MiB }),

  // A complete response of the wrong kind
  'redirect-to-itself': reused(
    redirect(() => '/redirect-to-itself'),
    refusedRedirect,
  ),
  'redirect-elsewhere': reused(
    redirect((otherOrigin) => `${otherOrigin}/healthy`),
    refusedRedirect,
  ),
  'no-content': reused(send('HTTP/1.1 204 No Content\r\n\r\n'), undecodable('expected JSON, got an empty body', 204), {
    value: '',
  }),
  empty: reused(reply(''), undecodable('expected JSON, got an empty body'), { value: '' }),
  blanks: reused(reply('  '), notJson(2), { value: '  ' }),
  'cut-json': reused(reply(alice.slice(0, 9)), notJson(9), { value: '{"name":"' }),
  html: reused(reply('<p>Hello', `${ok}content-type: ${html}\r\n`), notJson(8, html), { value: '<p>Hello' }),
  'no-utf-8': reused(
    reply(Buffer.from('"\xe4"', 'latin1')),
    undecodable('expected UTF-8, got 3 bytes of no content type'),
  ),

  // A failed response
  '500-small': reused(reply('oops', noLuck), failed('oops')),
  '500-silent': closed(send(`${noLuck}\r\n`), failed('')),
  '500-drip': closed(drip(`${noLuck}\r\n.`), failed('.')),
  '500-reset-in-body': closed(reset(`${noLuck}content-length: 100\r\n\r\noops`), failed('oops')),
  '500-100-MiB': closed(pour100MiB(noLuck), failed(blanks), { reads: 2 ** 16 }),
  '500-endless': closed(pour(`${noLuck}\r\n`, blanks), failed(blanks), { reads: 2 ** 16 }),
};
