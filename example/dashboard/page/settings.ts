import type { Behavior, Outcome } from '../behavior.ts';

/** The values of the controls. */
export interface Settings {
  readonly id: string;
  readonly via: 'page' | 'backend';
  readonly profile: Behavior;
  readonly orders: Behavior;
  readonly timeout: number;
  readonly retries: number;
  readonly hedgeAfter: number | undefined;
  readonly cancelAfter: number | undefined;
}

type Fields = Readonly<Record<string, string>>;

/** The values of the controls, by the name of a preset. */
export type Presets = Readonly<Record<string, Fields>>;

const happy: Fields = {
  'profile-delay': '200',
  'profile-outcome': '200',
  'orders-delay': '400',
  'orders-outcome': '200',
  timeout: '5000',
  retries: '0',
  hedge: '',
  cancel: '',
};

export const presets: Presets = {
  happy,
  'slow-poke': { ...happy, timeout: '1000', 'orders-delay': '5000' },
  domino: { ...happy, 'profile-outcome': '500', 'orders-delay': '10000' },
  cancel: { ...happy, 'orders-delay': '10000', cancel: '1000' },
};

export function readSettings(form: HTMLFormElement): Settings {
  const data = new FormData(form);
  const text = (name: string): string => {
    const value = data.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  const behavior = (service: string): Behavior => ({
    delay: Number(text(`${service}-delay`)),
    outcome: outcomeOf(text(`${service}-outcome`)),
  });
  const optional = (name: string): number | undefined => (text(name) === '' ? undefined : Number(text(name)));
  return {
    id: text('id'),
    via: text('via') === 'backend' ? 'backend' : 'page',
    profile: behavior('profile'),
    orders: behavior('orders'),
    timeout: Number(text('timeout')),
    retries: Number(text('retries')),
    hedgeAfter: optional('hedge'),
    cancelAfter: optional('cancel'),
  };
}

export function writeFields(form: HTMLFormElement, fields: Fields): void {
  for (const [name, value] of Object.entries(fields)) control(form, name).value = value;
}

function control(form: HTMLFormElement, name: string): HTMLInputElement | HTMLSelectElement {
  const found = form.elements.namedItem(name);
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found;
  throw new Error(`the page has no control for ${name}`);
}

function outcomeOf(value: string): Outcome {
  return /^\d+$/.test(value) ? Number(value) : (value as Outcome);
}
