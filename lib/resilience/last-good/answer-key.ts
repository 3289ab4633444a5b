import { mismatch } from '../../core/assert.ts';
import { background, type Context } from '../../core/context.ts';
import { sha256 } from './sha256.ts';
import {
  contextKey,
  inputKey,
  isLocal,
  isReference,
  type KeyConfig,
  localFieldOf,
  type Primitive,
  textOf,
} from '../sharing/keys.ts';

/** The key of an answer: a digest, which holds no credentials. */
export interface AnswerKey {
  readonly digest: string;
  /** The error of a key that means nothing in another process, because it holds the identity of an object or a symbol. */
  readonly error: TypeError | undefined;
}

interface AnswerKeyConfig<In, Ctx> extends Partial<KeyConfig<In>> {
  readonly vary?: (ctx: Ctx) => Primitive;
}

/** Returns a function that makes the key of an answer. Answers have the same key only if their inputs and contexts are equal. */
export function answerKey<In, Ctx extends Context>(
  service: unknown,
  config: AnswerKeyConfig<In, Ctx>,
): (ctx: Ctx, input: In) => AnswerKey {
  const { vary } = config;
  const inputKeyOf = inputKey('lastGood', service, config);
  if (vary !== undefined && typeof vary !== 'function')
    throw new TypeError(mismatch('lastGood: vary', 'a function', vary));

  return (ctx, input) => {
    const varied: unknown = vary?.(ctx);
    if (isReference(varied)) {
      throw new TypeError(
        `${mismatch('lastGood: vary', 'to return a primitive', varied)}: return a string or a number`,
      );
    }
    const inputText = inputKeyOf(input);
    const digest = sha256(JSON.stringify([inputText, vary ? textOf(varied) : contextKey(ctx)]));
    return { digest, error: errorOf(inputText, varied, vary ? background : ctx) };
  };
}

function errorOf(inputText: string, varied: unknown, ctx: Context): TypeError | undefined {
  const shareable = 'a primitive that other processes share';
  const fix = 'pass a vary that returns a string';
  const [name, value] = localFieldOf(ctx) ?? [];
  if (name !== undefined) return new TypeError(`${mismatch(`lastGood: ctx.${name}`, shareable, value)}: ${fix}`);
  if (isLocal(varied)) return new TypeError(`${mismatch('lastGood: vary', shareable, varied)}: ${fix}`);
  if (!inputText.startsWith('symbol ')) return undefined;
  return new TypeError(`lastGood: input: expected ${shareable}, got a symbol: pass a key that returns a string`);
}
