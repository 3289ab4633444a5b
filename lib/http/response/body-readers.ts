import type { Header } from '../request-headers.ts';
import { type BodyDecoder, decode, readWhole, type ResponseReader } from './read-response.ts';

const parseJson = (text: string): unknown => JSON.parse(text);
const parseOptionalJson = (text: string): unknown => (text === '' ? undefined : JSON.parse(text));
const parseText = (text: string): string => text;

const decodeJson: BodyDecoder<unknown> = (chunks, ...rest) => decode(chunks, parseJson, ...rest);
/** An empty body is `undefined`. */
export const decodeOptionalJson: BodyDecoder<unknown> = (chunks, ...rest) => decode(chunks, parseOptionalJson, ...rest);
export const decodeText: BodyDecoder<string> = (chunks, ...rest) => decode(chunks, parseText, ...rest);

const none: readonly Header[] = [];
export const acceptJson: readonly Header[] = [['accept', 'application/json']];

export const jsonReader: ResponseReader<unknown> = {
  headers: acceptJson,
  read: (response, request, call) => {
    readWhole(response, request, call, decodeJson);
  },
};

/** An empty body is `undefined`. */
export const optionalJsonReader: ResponseReader<unknown> = {
  headers: acceptJson,
  read: (response, request, call) => {
    readWhole(response, request, call, decodeOptionalJson);
  },
};

export const textReader: ResponseReader<string> = {
  headers: none,
  read: (response, request, call) => {
    readWhole(response, request, call, decodeText);
  },
};
