import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { interval } from 'rxjs';
import { BodyTooLargeError, DecodeError, HttpError, NetworkError } from '../../lib/index.ts';

/** One way to answer, mostly a bad one. */
export interface Fault {
  /** What is done with the socket that asked; `elsewhere` is another origin. */
  readonly does: (socket: Socket, elsewhere: string) => void;
  /** What comes of `fetchJson`. */
  readonly json: Outcome;
  /** What becomes of the connection, as the server sees it. */
  readonly connection: 'closed' | 'reused' | 'never opened';
  /** What comes of `fetchText`, where that is something else. */
  readonly text?: Outcome;
  /** Where it is asked for, if not of the server over HTTP. */
  readonly at?: 'nowhere' | 'https';
  /** The decoded bytes that are read of a body that has more; with them comes the rest of a chunk. */
  readonly reads?: number;
}

/** A value, an error, or nothing until somebody ends it. */
export type Outcome = { readonly value: unknown } | Failure | 'nothing';

export interface Failure {
  readonly error: abstract new (...args: never[]) => Error;
  /** Without the ` from GET http://…` in which it ends. */
  readonly message: string | RegExp;
  readonly fields: Readonly<Record<string, unknown>>;
}

type Does = Fault['does'];

const MiB = 2 ** 20;
const ok = 'HTTP/1.1 200 OK\r\n';
const noLuck = 'HTTP/1.1 500 No Luck\r\n';
const alice = '{"name":"Alice"}';
const html = 'text/html; charset=utf-8';
const blanks = ' '.repeat(2 ** 16);
/** 64 KiB on the wire, and 64 MiB when it is decoded. */
const bomb = Buffer.concat(Array<Buffer>(64).fill(gzipSync(Buffer.alloc(MiB))));

/** Sends bytes, and no more. */
const sends =
  (head: string, body: string | Buffer = ''): Does =>
  (socket) => {
    socket.write(Buffer.concat([Buffer.from(head), Buffer.from(body)]));
  };

/** Sends a whole response. */
const answers = (body: string | Buffer, head = ok): Does =>
  sends(`${head}content-length: ${String(Buffer.byteLength(body))}\r\n\r\n`, body);

/** Sends bytes, and closes the connection in good order. */
const ends =
  (bytes: string): Does =>
  (socket) => {
    socket.end(bytes);
  };

/** Sends bytes, and resets the connection when they are on their way. */
const resets =
  (bytes: string): Does =>
  (socket) => {
    if (bytes === '') socket.resetAndDestroy();
    else socket.write(bytes, () => setImmediate(() => socket.resetAndDestroy()));
  };

/** Sends bytes, and then a byte a second. */
const drips =
  (bytes: string): Does =>
  (socket) => {
    socket.write(bytes);
    const drops = interval(1_000).subscribe(() => socket.write('.'));
    socket.once('close', () => {
      drops.unsubscribe();
    });
  };

/** Sends bytes, and then `chunk` again and again, as fast as somebody reads. */
const pours =
  (bytes: string, chunk: string | Buffer, times = Infinity): Does =>
  (socket) => {
    let left = times;
    const pour = (): void => {
      while (!socket.destroyed && left-- > 0 && socket.write(chunk));
    };
    socket.on('drain', pour).write(bytes);
    pour();
  };
const pours100MiB = (head: string): Does => pours(`${head}content-length: ${String(100 * MiB)}\r\n\r\n`, blanks, 1_600);

const redirects =
  (to: (elsewhere: string) => string): Does =>
  (socket, elsewhere) => {
    answers('', `HTTP/1.1 302 Found\r\nlocation: ${to(elsewhere)}\r\n`)(socket, elsewhere);
  };

const network = (message: string | RegExp): Failure => ({ error: NetworkError, message, fields: {} });
const ended = 'UND_ERR_SOCKET';
const noAnswer = (code: string): Failure => network(`no answer (${code})`);
const cutShort = (code: string): Failure => network(`a body cut short (${code})`);
/** To libuv, a reset that comes together with bytes is an end. */
const reset = (what: string): Failure => network(new RegExp(`^${what} \\((?:ECONNRESET|${ended})\\)$`));
/** Of a parser that llhttp is not, there is no code. */
const unparsable = (what: string): Failure => network(new RegExp(`^${what}(?: \\(HPE_\\w+\\))?$`));
const refused = network('a refused redirect');
const failed = (body: string): Failure => ({ error: HttpError, message: 'HTTP 500', fields: { status: 500, body } });
const undecodable = (what: string, status = 200, contentType: string | null = null): Failure => ({
  error: DecodeError,
  message: `${what} (HTTP ${String(status)})`,
  fields: { status, contentType },
});
const noJson = (bytes: number, type?: string): Failure =>
  undecodable(`expected JSON, got ${String(bytes)} bytes of ${type ?? 'no content type'}`, 200, type);
const tooLarge: Failure = {
  error: BodyTooLargeError,
  message: `more than ${String(10 * MiB)} bytes`,
  fields: { maxBytes: 10 * MiB },
};

type More = Pick<Fault, 'text' | 'at' | 'reads'>;
const closed = (does: Does, json: Outcome, more?: More): Fault => ({ does, json, connection: 'closed', ...more });
const reused = (does: Does, json: Outcome, text = json): Fault => ({ does, json, connection: 'reused', text });

/** By the path that asks for them. */
export const faults: Readonly<Record<string, Fault>> = {
  healthy: reused(answers(alice), { value: { name: 'Alice' } }, { value: alice }),

  // No answer
  refuse: { at: 'nowhere', does: ends(''), json: noAnswer('ECONNREFUSED'), connection: 'never opened' },
  'never-answer': closed(sends(''), 'nothing'),
  end: closed(ends(''), noAnswer(ended)),
  'end-in-headers': closed(ends(`${ok}conte`), noAnswer(ended)),
  reset: closed(resets(''), reset('no answer')),
  'reset-in-headers': closed(resets(`${ok}conte`), reset('no answer')),
  'drip-headers': closed(drips(`${ok}x-drops: `), 'nothing'),
  'endless-headers': closed(pours(ok, 'x-more: and more\r\n'.repeat(1_000)), noAnswer('UND_ERR_HEADERS_OVERFLOW')),
  garbage: closed(sends('220 smtp.test ESMTP\r\n'), unparsable('no answer')),
  tls: closed(sends('', Buffer.from('15030100020228', 'hex')), unparsable('no answer')),
  'no-tls': closed(sends('HTTP/1.1 400 No TLS\r\n\r\n'), noAnswer('ERR_SSL_WRONG_VERSION_NUMBER'), { at: 'https' }),

  // A body that is not what its headers say
  drip: closed(drips(`${ok}\r\n.`), 'nothing', { reads: 1 }),
  'reset-in-body': closed(resets(`${ok}content-length: 100\r\n\r\n${alice}`), reset('a body cut short')),
  'length-too-long': closed(ends(`${ok}content-length: 100\r\n\r\n${alice}`), cutShort(ended)),
  'length-too-short': closed(sends(`${ok}content-length: 9\r\n\r\n${alice}`), noJson(9), {
    text: { value: '{"name":"' },
  }),
  'length-garbage': closed(sends(`${ok}content-length: some\r\n\r\n${alice}`), unparsable('no answer')),
  'chunks-cut-short': closed(ends(`${ok}transfer-encoding: chunked\r\n\r\n10\r\n${alice}\r\n`), cutShort(ended)),
  'chunks-garbage': closed(sends(`${ok}transfer-encoding: chunked\r\n\r\n${alice}`), unparsable('a body cut short')),
  'gzip-garbage': reused(answers(alice, `${ok}content-encoding: gzip\r\n`), cutShort('Z_DATA_ERROR')),

  // Too much of it
  endless: closed(pours(`${ok}\r\n`, blanks), tooLarge, { reads: 10 * MiB }),
  '100-MiB': closed(pours100MiB(ok), tooLarge, { reads: 10 * MiB }),
  'gzip-bomb': closed(pours(`${ok}content-encoding: gzip\r\n\r\n`, bomb), tooLarge, { reads: 10 * MiB }),

  // A whole answer, of the wrong kind
  'redirect-to-itself': reused(
    redirects(() => '/redirect-to-itself'),
    refused,
  ),
  'redirect-elsewhere': reused(
    redirects((elsewhere) => `${elsewhere}/healthy`),
    refused,
  ),
  'no-content': reused(sends('HTTP/1.1 204 No Content\r\n\r\n'), undecodable('expected JSON, got an empty body', 204), { value: '' }),
  empty: reused(answers(''), undecodable('expected JSON, got an empty body'), { value: '' }),
  blanks: reused(answers('  '), noJson(2), { value: '  ' }),
  'cut-json': reused(answers(alice.slice(0, 9)), noJson(9), { value: '{"name":"' }),
  html: reused(answers('<p>Hello', `${ok}content-type: ${html}\r\n`), noJson(8, html), { value: '<p>Hello' }),
  'no-utf-8': reused(answers(Buffer.from('"\xe4"', 'latin1')), undecodable('expected UTF-8, got 3 bytes of no content type')),

  // A failure
  '500-small': reused(answers('oops', noLuck), failed('oops')),
  '500-silent': closed(sends(`${noLuck}\r\n`), failed('')),
  '500-drip': closed(drips(`${noLuck}\r\n.`), failed('.')),
  '500-reset-in-body': closed(resets(`${noLuck}content-length: 100\r\n\r\noops`), failed('oops')),
  '500-100-MiB': closed(pours100MiB(noLuck), failed(blanks), { reads: 2 ** 16 }),
  '500-endless': closed(pours(`${noLuck}\r\n`, blanks), failed(blanks), { reads: 2 ** 16 }),
};
