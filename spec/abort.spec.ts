import { expect } from 'chai';
import { config } from 'rxjs';
import { Abort, aborted, abortOf, carry, listen, unlisten } from '../lib/abort.ts';

describe('aborted', () => {
  /** A controller whose signal counts its DOM listeners. */
  function counted(): {
    readonly controller: AbortController;
    readonly signal: AbortSignal;
    readonly count: () => number;
  } {
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = new Set<unknown>();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions) => {
      listeners.add(listener);
      add(type, listener, options);
    };
    signal.removeEventListener = (type: string, listener: EventListener) => {
      listeners.delete(listener);
      remove(type, listener);
    };
    return { controller, signal, count: () => listeners.size };
  }

  it('emits the very reason and completes when the signal aborts', () => {
    for (const reason of [new Error('the user left'), 'the user left', null, 0, { why: 'the user left' }]) {
      const controller = new AbortController();
      const seen: unknown[] = [];
      aborted(controller).subscribe({
        next: (value) => seen.push(value),
        complete: () => seen.push('complete'),
      });
      expect(seen).to.deep.equal([]);
      controller.abort(reason);
      expect(seen).to.have.length(2);
      expect(seen[0]).to.equal(reason);
      expect(seen[1]).to.equal('complete');
    }
  });

  it('emits at once where the signal has aborted already, and listens to nothing', () => {
    const { controller, signal, count } = counted();
    controller.abort('the user left');
    const seen: unknown[] = [];
    aborted({ signal }).subscribe({ next: (value) => seen.push(value), complete: () => seen.push('complete') });
    expect(seen).to.deep.equal(['the user left', 'complete']);
    expect(count()).to.equal(0);
  });

  it('looks at the signal when it is subscribed to, not before', () => {
    const { controller, signal, count } = counted();
    const source = aborted({ signal });
    expect(count()).to.equal(0);
    controller.abort('the user left');
    const seen: unknown[] = [];
    source.subscribe((value) => seen.push(value));
    expect(seen).to.deep.equal(['the user left']);
  });

  it('never emits without a signal', () => {
    const seen: unknown[] = [];
    const subscription = aborted({}).subscribe({
      next: (value) => seen.push(value),
      complete: () => seen.push('complete'),
    });
    expect(subscription.closed).to.equal(false);
    subscription.unsubscribe();
    expect(seen).to.deep.equal([]);
  });

  it('has one DOM listener however many listen, and none when the last has gone', () => {
    const { controller, signal, count } = counted();
    const source = aborted({ signal });
    const subscriptions = Array.from({ length: 1_000 }, (_, index) =>
      (index % 2 === 0 ? source : aborted({ signal })).subscribe(),
    );
    expect(count()).to.equal(1);
    const last = subscriptions.pop();
    for (const subscription of subscriptions) subscription.unsubscribe();
    expect(count()).to.equal(1);
    last?.unsubscribe();
    expect(count()).to.equal(0);

    const seen: unknown[] = [];
    source.subscribe((value) => seen.push(value));
    expect(count()).to.equal(1);
    controller.abort('the user left');
    expect(seen).to.deep.equal(['the user left']);
    expect(count()).to.equal(0);
  });

  it('keeps the listeners of two signals apart', () => {
    const [first, second] = [counted(), counted()];
    const seen: unknown[] = [];
    aborted(first).subscribe(() => seen.push('first'));
    aborted(second).subscribe(() => seen.push('second'));
    first.controller.abort();
    expect(seen).to.deep.equal(['first']);
    expect([first.count(), second.count()]).to.deep.equal([0, 1]);
    second.controller.abort();
    expect(seen).to.deep.equal(['first', 'second']);
  });

  it('tells all, in the order of their subscriptions', () => {
    const { controller, signal } = counted();
    const seen: number[] = [];
    const subscriptions = [0, 1, 2, 3].map((index) => aborted({ signal }).subscribe(() => seen.push(index)));
    subscriptions[1]?.unsubscribe();
    aborted({ signal }).subscribe(() => seen.push(4));
    controller.abort();
    expect(seen).to.deep.equal([0, 2, 3, 4]);
  });

  it('does not tell one that leaves while the others are told', () => {
    const { controller, signal, count } = counted();
    const seen: string[] = [];
    aborted({ signal }).subscribe(() => {
      seen.push('first');
      second.unsubscribe();
    });
    const second = aborted({ signal }).subscribe(() => seen.push('second'));
    aborted({ signal }).subscribe(() => seen.push('third'));
    controller.abort();
    expect(seen).to.deep.equal(['first', 'third']);
    expect(count()).to.equal(0);
  });

  it('calls no listener that has left while the others are told', () => {
    const { controller, signal, count } = counted();
    const told: string[] = [];
    const second = { onAbort: () => told.push('second') };
    const first = {
      onAbort: () => {
        told.push('first');
        unlisten(heard, second);
      },
    };
    const heard = listen({ signal }, first);
    listen({ signal }, second);
    controller.abort();
    unlisten(heard, first);
    expect(told).to.deep.equal(['first']);
    expect(count()).to.equal(0);
  });

  it('tells one that comes while the others are told, once', () => {
    const { controller, signal, count } = counted();
    const seen: string[] = [];
    const come = (): void => {
      aborted({ signal }).subscribe((reason) => seen.push(`late: ${String(reason)}`));
    };
    aborted({ signal }).subscribe(() => {
      seen.push('first');
      come();
    });
    aborted({ signal }).subscribe(() => seen.push('second'));
    controller.abort('the user left');
    expect(seen).to.deep.equal(['first', 'late: the user left', 'second']);
    expect(count()).to.equal(0);
  });
});

describe('Abort', () => {
  it('tells its signal, and then its listeners in their order: the very reason', () => {
    const abort = new Abort();
    const seen: unknown[] = [];
    abort.signal.addEventListener('abort', () => seen.push('signal', abort.signal.reason));
    abort.listen({ onAbort: (reason) => seen.push('first', reason) });
    abort.listen({ onAbort: (reason) => seen.push('second', reason) });
    expect(seen).to.deep.equal([]);
    abort.abort('the user left');
    expect(seen).to.deep.equal(['signal', 'first', 'second'].flatMap((who) => [who, 'the user left']));
  });

  it('tells one that comes late at once, a falsy reason too', () => {
    const abort = new Abort();
    abort.abort(null);
    const seen: unknown[] = [];
    abort.listen({ onAbort: (reason) => seen.push(reason) });
    expect(seen).to.deep.equal([null]);
  });

  it('lets one that comes late go again', () => {
    const abort = new Abort();
    abort.abort('the user left');
    const seen: unknown[] = [];
    aborted(carry({}, abort)).subscribe({ next: (value) => seen.push(value), complete: () => seen.push('complete') });
    expect(seen).to.deep.equal(['the user left', 'complete']);
  });

  it('tells the others where one throws, and reports it as RxJS does', async () => {
    const boom = new Error('boom');
    const reported = new Promise((resolve) => {
      config.onUnhandledError = resolve;
    });
    const abort = new Abort();
    const seen: unknown[] = [];
    abort.listen({
      onAbort: () => {
        throw boom;
      },
    });
    abort.listen({ onAbort: (reason) => seen.push(reason) });
    abort.abort('the user left');
    expect(seen).to.deep.equal(['the user left']);
    expect(await reported).to.equal(boom);
    config.onUnhandledError = null;
  });

  it('gives a signal that has aborted to who asks late', () => {
    const abort = new Abort();
    abort.abort('the user left');
    expect(abort.signal).to.include({ aborted: true, reason: 'the user left' });
  });

  it('is listened to without its signal, which nobody has made then', () => {
    const abort = new Abort();
    const seen: unknown[] = [];
    const listener = { onAbort: (reason: unknown) => seen.push(reason) };
    let made = 0;
    Object.defineProperty(abort, 'signal', {
      get: () => {
        made++;
        return new AbortController().signal;
      },
    });
    const init = carry({}, abort);
    unlisten(listen(init, listener), listener);
    listen(init, listener);
    abort.abort('the user left');
    expect(seen).to.deep.equal(['the user left']);
    expect(made).to.equal(0);
  });

  it('is carried by the init of a request: a copy has the signal alone', () => {
    const abort = new Abort();
    const init = carry({ method: 'GET' }, abort);
    expect(abortOf(init)).to.equal(abort);
    const copy = { ...init };
    expect(abortOf(copy)).to.equal(undefined);
    expect(copy).to.deep.equal({ method: 'GET', signal: abort.signal });
    expect(Object.create(init)).to.have.property('signal', abort.signal);
  });
});
