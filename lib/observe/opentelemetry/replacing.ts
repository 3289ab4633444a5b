import type { EventSink } from '../events.ts';
import { type AggregateOption, withEvents } from '../../core/options.ts';

/** For options that add a sink of one kind: the last one wins, so that nothing is told or counted twice. */
export function only(): (sink: EventSink) => AggregateOption {
  const kind = new WeakSet<EventSink>();
  return (sink) => {
    kind.add(sink);
    return (config) => withEvents(sink)({ ...config, sinks: config.sinks.filter((other) => !kind.has(other)) });
  };
}
