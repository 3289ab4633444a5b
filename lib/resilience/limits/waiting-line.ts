/** An item of a {@link WaitingLine}. */
export interface Waiter {
  /** A higher number is more important. */
  readonly priority: number;
}

interface Node<T> {
  readonly waiter: T;
  readonly level: Level<T>;
  before: Node<T> | undefined;
  after: Node<T> | undefined;
}

/** The waiters of one priority: a linked list, because a `Set` does not know its last item. */
interface Level<T> {
  readonly priority: number;
  first: Node<T> | undefined;
  last: Node<T> | undefined;
}

/** A queue in the order of priority. Within a priority, its owner starts the oldest or the newest waiter. */
export class WaitingLine<T extends Waiter> {
  /** In the order of priority, the lowest first. No level is empty. */
  readonly #levels: Level<T>[] = [];
  readonly #nodes = new Map<T, Node<T>>();

  get size(): number {
    return this.#nodes.size;
  }

  /** The oldest waiter of the highest priority. */
  get oldest(): T | undefined {
    return this.#levels.at(-1)?.first?.waiter;
  }

  /** The newest waiter of the highest priority. */
  get newest(): T | undefined {
    return this.#levels.at(-1)?.last?.waiter;
  }

  /** The waiter that matters least: the newest of the lowest priority. */
  get least(): T | undefined {
    return this.#levels[0]?.last?.waiter;
  }

  add(waiter: T): void {
    const level = this.#levelOf(waiter.priority);
    const node: Node<T> = { waiter, level, before: level.last, after: undefined };
    if (level.last) level.last.after = node;
    else level.first = node;
    level.last = node;
    this.#nodes.set(waiter, node);
  }

  /** Does nothing if the waiter is not in the line. */
  remove(waiter: T): void {
    const node = this.#nodes.get(waiter);
    if (!node) return;
    this.#nodes.delete(waiter);
    const { level, before, after } = node;
    if (before) before.after = after;
    else level.first = after;
    if (after) after.before = before;
    else level.last = before;
    if (!level.first) this.#levels.splice(this.#indexOf(level.priority), 1);
  }

  #levelOf(priority: number): Level<T> {
    const index = this.#indexOf(priority);
    const found = this.#levels[index];
    if (found?.priority === priority) return found;
    const level: Level<T> = { priority, first: undefined, last: undefined };
    this.#levels.splice(index, 0, level);
    return level;
  }

  /** The index of the first level that is at least as important. A binary search: each waiter may have its own priority. */
  #indexOf(priority: number): number {
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#levels[middle]?.priority ?? Infinity) < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
