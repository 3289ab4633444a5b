import type { FetchResponse } from '../../core/context.ts';
import type { Header } from '../request-headers.ts';
import { decode, type ReadOptions, readWhole, type ResponseReader } from './read-response.ts';

/** Makes the value of a complete body. */
export type BodyDecoder<T> = (chunks: readonly Uint8Array[], response: FetchResponse, request: ReadOptions) => T;

const parseJson = (text: string): unknown => JSON.parse(text);
const parseOptionalJson = (text: string): unknown => (text === '' ? undefined : JSON.parse(text));
const parseText = (text: string): string => text;

/** An empty body is `undefined`. */
export const decodeOptionalJson: BodyDecoder<unknown> = (chunks, ...rest) => decode(chunks, parseOptionalJson, ...rest);
export const decodeText: BodyDecoder<string> = (chunks, ...rest) => decode(chunks, parseText, ...rest);

const none: readonly Header[] = [];
export const acceptJson: readonly Header[] = [['accept', 'application/json']];

export const jsonReader: ResponseReader<unknown> = {
  headers: acceptJson,
  read: (response, request, call) => {
    readWhole(response, request, call, (chunks) => decode(chunks, parseJson, response, request));
  },
};

/** An empty body is `undefined`. */
export const optionalJsonReader: ResponseReader<unknown> = {
  headers: acceptJson,
  read: (response, request, call) => {
    readWhole(response, request, call, (chunks) => decodeOptionalJson(chunks, response, request));
  },
};

export const textReader: ResponseReader<string> = {
  headers: none,
  read: (response, request, call) => {
    readWhole(response, request, call, (chunks) => decodeText(chunks, response, request));
  },
};
