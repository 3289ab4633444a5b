import type { EventSink } from '../../lib/index.ts';

/** Aborts the caller's signal during one event, such as `started profile` or `succeeded run`. */
export function abortingAt(moment: string, controller: AbortController): EventSink {
  return {
    next: ({ type, service = 'run' }) => {
      if (`${type} ${service}` === moment) controller.abort();
    },
  };
}
