import { expect } from 'chai';
import { firstValueFrom, lastValueFrom, type Observable, take, tap, timer, toArray } from 'rxjs';
import {
  background,
  BodyTooLargeError,
  CanceledError,
  type Context,
  DecodeError,
  type Fetch,
  fetchEvents,
  fetchLines,
  isTransient,
  NetworkError,
  type StreamOptions,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { bytesOf, pendingFetch, responding, streamOf } from '../support/stub-fetch.ts';

const api = 'http://api.test/activity';
const eventStream = { headers: { 'content-type': 'text/event-stream; charset=utf-8' } };

/** Responds with `text` in chunks of `size` bytes. */
const chunked = (text: string, size: number, init?: ResponseInit): Context => {
  const bytes = bytesOf(text);
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.slice(index * size, (index + 1) * size),
  );
  return { fetch: responding(streamOf(chunks, 'end').stream, init) };
};
const all = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()));

describe('fetchEvents', () => {
  expectNoUnhandledRejections();

  const grammar: [title: string, text: string, events: [event: string, data: string, id: string][]][] = [
    ['names an event and joins its data', 'event: add\ndata: a\ndata: b\nid: 1\n\n', [['add', 'a\nb', '1']]],
    [
      'calls an event without a name message',
      'data: a\n\nevent\ndata: b\n\n',
      [
        ['message', 'a', ''],
        ['message', 'b', ''],
      ],
    ],
    [
      'removes one space after the colon',
      'data:  a \n\ndata:b\n\n',
      [
        ['message', ' a ', ''],
        ['message', 'b', ''],
      ],
    ],
    [
      'emits empty data, but no event without data',
      'data\n\ndata\ndata\n\nevent: x\n\n',
      [
        ['message', '', ''],
        ['message', '\n', ''],
      ],
    ],
    [
      'keeps the id for later events, also the id of an event without data',
      'id: 7\n\ndata: a\n\nid\ndata: b\n\n',
      [
        ['message', 'a', '7'],
        ['message', 'b', ''],
      ],
    ],
    [
      'ignores an id with a NUL, comments and unknown fields',
      ':\n: hi\nid: 1\nid: 2\0\nDATA: x\n data: x\ndata: a\n\n',
      [['message', 'a', '1']],
    ],
    ['does not emit an event that is cut short', 'data: a\n\ndata: b\n', [['message', 'a', '']]],
    [
      'replaces bytes that are not UTF-8, and keeps later marks',
      '\ufeffdata: €\n\ndata: \ufeff\n\n\ufeffdata: x\n\n',
      [
        ['message', '€', ''],
        ['message', '\ufeff', ''],
      ],
    ],
  ];
  for (const [title, text, expected] of grammar) {
    for (const [name, end] of [
      ['LF', '\n'],
      ['CR', '\r'],
      ['CRLF', '\r\n'],
    ] as const) {
      it(`${title}, with ${name}, whatever the chunks`, async () => {
        const stream = text.replaceAll('\n', end);
        for (let size = 1; size <= bytesOf(stream).length; size++) {
          const events = await all(fetchEvents(chunked(stream, size, eventStream), api));
          expect(events.map(({ event, data, id }) => [event, data.replaceAll('\r', '\n'), id])).to.deep.equal(expected);
        }
      });
    }
  }

  it('reads the same events at every cut into two chunks', async () => {
    const bytes = bytesOf('\ufeffid: é\r\ndata: a\r\r\n\ndata: b\n\r');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { stream } = streamOf([bytes.slice(0, cut), bytes.slice(cut)], 'end');
      const events = await all(fetchEvents({ fetch: responding(stream, eventStream) }, api));
      expect(events).to.deep.equal([
        { event: 'message', data: 'a', id: 'é' },
        { event: 'message', data: 'b', id: 'é' },
      ]);
    }
  });

  it('errors with DecodeError for another media type, and cancels the body', async () => {
    const { stream, canceled } = streamOf(['data: a\n\n']);
    const fetch = responding(stream, { headers: { 'content-type': 'text/html' } });
    const error = await failureOf(fetchEvents({ fetch }, api, { reconnect: true }), DecodeError);
    expect(error.message).to.equal(`expected text/event-stream, got a body of text/html (HTTP 200) from GET ${api}`);
    expect(canceled()).to.equal(1);
  });

  it('reads the last media type if a proxy has added another one', async () => {
    for (const [type, isRead] of [
      ['text/event-stream, text/event-stream;charset=utf-8', true],
      ['text/plain, text/event-stream', true],
      ['text/event-stream, text/plain', false],
      ['text/event-streams', false],
      ['x-text/event-stream', false],
    ] as const) {
      const events = fetchEvents(chunked('data: a\n\n', 99, { headers: { 'content-type': type } }), api);
      if (isRead) expect(await all(events)).to.have.length(1);
      else await failureOf(events, DecodeError);
    }
  });

  it('errors with BodyTooLargeError for a line or an event that is too large, after the events before it', async () => {
    for (const text of [`data: ${'x'.repeat(20)}`, 'data: 1234\n'.repeat(3), `: ${'x'.repeat(20)}\n`]) {
      const { stream, canceled } = streamOf([`data: a\n\n${text}`]);
      const values: string[] = [];
      const events = fetchEvents({ fetch: responding(stream, eventStream) }, api, { maxBytes: 20 });
      const error = await new Promise((resolve) => {
        events.subscribe({ next: ({ data }) => values.push(data), error: resolve });
      });
      expect(error).to.be.instanceOf(BodyTooLargeError).with.property('maxBytes', 20);
      expect(values).to.deep.equal(['a']);
      expect(canceled()).to.equal(1);
    }
  });

  it('bounds each event, not all of them together', async () => {
    const events = fetchEvents(chunked('data: 1234\n\n'.repeat(5), 7, eventStream), api, { maxBytes: 20 });
    expect(await all(events)).to.have.length(5);
  });

  it('completes at the end of the stream without reconnect, and for a 204', async () => {
    expect(await all(fetchEvents(chunked('data: a\n\n', 99, eventStream), api))).to.have.length(1);
    expect(await all(fetchEvents({ fetch: responding(null, { status: 204 }) }, api))).to.deep.equal([]);
  });
});

describe('fetchLines', () => {
  expectNoUnhandledRejections();

  it('emits each line without its end, whatever the chunks', async () => {
    const text = '\ufeffa\r\n\n€\r\r\n \ufeffb\n';
    for (let size = 1; size <= bytesOf(text).length; size++) {
      expect(await all(fetchLines(chunked(text, size), api))).to.deep.equal(['a', '', '€\r', ' \ufeffb']);
    }
    expect(await all(fetchLines({ fetch: responding(null, { status: 204 }) }, api))).to.deep.equal([]);
  });

  it('parses each line but the empty ones', async () => {
    const parse = (line: string) => (JSON.parse(line) as { id: number }).id;
    expect(await all(fetchLines(chunked('{"id":1}\n\r\n{"id":2}\n', 3), api, { parse }))).to.deep.equal([1, 2]);
  });

  it('errors with TypeError if parse is not a function, and sends nothing', async () => {
    const init = { parse: 'json' as unknown as (line: string) => string };
    const error = await failureOf(fetchLines({ fetch: responding('1\n') }, api, init), TypeError);
    expect(error.message).to.equal(
      'fetchLines: parse: expected a function, got a string: pass JSON.parse, for example',
    );
  });

  it('emits a line before the next one arrives', async () => {
    const { stream, canceled } = streamOf(['a\nb']);
    expect(await firstValueFrom(fetchLines({ fetch: responding(stream) }, api))).to.equal('a');
    expect(canceled()).to.equal(1);
  });

  it('errors with a NetworkError that may pass when the last line is cut short', async () => {
    const error = await failureOf(fetchLines(chunked('a\nb', 1), api), NetworkError);
    expect(error.message).to.equal(`a last line cut short from GET ${api}: end each line with a line feed`);
    expect(isTransient(error)).to.equal(true);
  });

  it('errors with NetworkError when the body breaks', async () => {
    await failureOf(fetchLines({ fetch: responding(streamOf(['a\n'], 'break').stream) }, api), NetworkError);
  });

  for (const [title, bytes, expected] of [
    ['that is not UTF-8', Uint8Array.of(0x31, 10, 0xff, 10), 'a line of UTF-8, got 1 bytes'],
    ['that parse rejects', bytesOf('1\nsecret\n'), 'a line that parse accepts, got 6 bytes'],
  ] as const) {
    it(`errors with DecodeError for a line ${title}, after the lines before it, and quotes nothing`, async () => {
      const lines = fetchLines({ fetch: responding(bytes) }, api, { parse: (line) => JSON.parse(line) as number });
      expect(await firstValueFrom(lines.pipe(take(1)))).to.equal(1);
      const error = await failureOf(fetchLines({ fetch: responding(bytes) }, api, { parse: JSON.parse }), DecodeError);
      expect(error.message).to.equal(`expected ${expected} of no content type (HTTP 200) from GET ${api}`);
      expect(error).not.to.have.property('cause');
    });
  }

  it('accepts a line of maxBytes bytes, and none of one more', async () => {
    for (const size of [1, 3, 100]) {
      expect(await all(fetchLines(chunked('1234\r\n', size), api, { maxBytes: 4 }))).to.deep.equal(['1234']);
      await failureOf(fetchLines(chunked('12345\n', size), api, { maxBytes: 4 }), BodyTooLargeError);
    }
  });

  it('keeps no more than the bytes of a line that never ends', async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        controller.enqueue(bytesOf('x'.repeat(1_000)));
      },
    });
    await failureOf(fetchLines({ fetch: responding(endless) }, api), BodyTooLargeError);
  });

  it('errors with NetworkError after idle ms without bytes, before the head and within the body', async () => {
    for (const fetch of [pendingFetch().fetch, responding(streamOf(['a\n']).stream)]) {
      const error = await failureOf(fetchLines({ fetch }, `${api}?token=secret`, { idle: 20 }), NetworkError);
      expect(error.message).to.equal(`no bytes for 20 ms from GET ${api}`);
    }
  });

  it('counts every chunk as a sign of life, also one without a line', async () => {
    const left = ['a', 'b', 'c', 'd\n'];
    const slow = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          await firstValueFrom(timer(30));
          const next = left.shift();
          if (next === undefined) controller.close();
          else controller.enqueue(bytesOf(next));
        },
      },
      { highWaterMark: 0 },
    );
    expect(await all(fetchLines({ fetch: responding(slow) }, api, { idle: 100 }))).to.deep.equal(['abcd']);
  });

  it('counts the head as a sign of life', async () => {
    const fetch: Fetch = async () => {
      await firstValueFrom(timer(60));
      const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
        await firstValueFrom(timer(60));
        controller.enqueue(bytesOf('a\n'));
        controller.close();
      };
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
    };
    expect(await all(fetchLines({ fetch }, api, { idle: 100 }))).to.deep.equal(['a']);
  });

  it('errors with RangeError for an idle that no timer can wait for', async () => {
    for (const idle of [0, NaN, 2 ** 31]) {
      const error = await failureOf(fetchLines(background, api, { idle }), RangeError);
      expect(error.message).to.match(/^fetch: idle: expected at least 1 and below 2\^31, got /);
    }
  });

  it('reads no chunk before the subscriber has returned from next', async () => {
    let pulls = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulls++;
          controller.enqueue(bytesOf('a\n'));
        },
      },
      { highWaterMark: 0 },
    );
    const pullsAtNext: number[] = [];
    const lines = fetchLines({ fetch: responding(endless) }, api).pipe(take(3));
    await lastValueFrom(lines.pipe(tap(() => pullsAtNext.push(pulls))));
    expect(pullsAtNext).to.deep.equal([1, 2, 3]);
    expect(pulls).to.equal(3);
  });
});

describe('a stream that is canceled', () => {
  expectNoUnhandledRejections();

  const kinds = [
    ['fetchEvents', (ctx: Context, init: StreamOptions): Observable<unknown> => fetchEvents(ctx, api, init)],
    ['fetchLines', (ctx: Context, init: StreamOptions): Observable<unknown> => fetchLines(ctx, api, init)],
  ] as const;
  const text = 'data: 1\n\ndata: 2\n\n';

  for (const [name, request] of kinds) {
    it(`${name} emits each chunk, also with init.signal`, async () => {
      const controller = new AbortController();
      const { stream, canceled } = streamOf([text]);
      const own = { signal: controller.signal };
      const values: unknown[] = [];
      const error = failureOf(
        request({ fetch: responding(stream, eventStream) }, own).pipe(
          tap((value) => {
            values.push(value);
            if (values.length === 2) controller.abort('enough');
          }),
        ),
        NetworkError,
      );
      expect(await error).to.include({ kind: 'aborted', cause: 'enough' });
      expect(values).to.have.length(2);
      expect(canceled()).to.equal(1);
    });

    it(`${name} emits nothing after ctx.signal has aborted in next`, async () => {
      const controller = new AbortController();
      const { stream, canceled } = streamOf([text]);
      const values: unknown[] = [];
      const ctx = { fetch: responding(stream, eventStream), signal: controller.signal };
      const error = failureOf(
        request(ctx, {}).pipe(
          tap((value) => {
            values.push(value);
            controller.abort('enough');
          }),
        ),
        CanceledError,
      );
      expect((await error).cause).to.equal('enough');
      expect(values).to.have.length(1);
      expect(canceled()).to.equal(1);
    });

    it(`${name} emits nothing after the subscriber has unsubscribed in next, in the middle of a chunk`, async () => {
      const { stream, canceled } = streamOf([text.repeat(50_000)]);
      const values: unknown[] = [];
      const lines = request({ fetch: responding(stream, eventStream) }, {}).pipe(take(3));
      await lastValueFrom(lines.pipe(tap((value) => values.push(value))));
      expect(values).to.have.length(3);
      expect(canceled()).to.equal(1);
    });
  }
});
