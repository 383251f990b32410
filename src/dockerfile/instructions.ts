import { nearestName, type TsbuildError } from '../core/index.ts';
import { parseAdd, parseCopy } from './instruction-copy.ts';
import {
  parseArg,
  parseExpose,
  parseHealthcheck,
  parseLaunch,
  parsePairs,
  parseShell,
  parseText,
  parseVolume,
} from './instruction-metadata.ts';
import { parseRun } from './instruction-run.ts';
import { syntaxError, type InstructionSource } from './instruction.ts';
import { splitInstruction } from './words.ts';
import type { StageInstruction } from './types.ts';

/** How each instruction is written, for errors that know nothing better to say. */
const usage = {
  ADD: 'ADD source… destination',
  ARG: 'ARG name, or ARG name=default',
  CMD: 'CMD ["program", "argument"], or CMD command',
  COPY: 'COPY source… destination',
  ENTRYPOINT: 'ENTRYPOINT ["program", "argument"], or ENTRYPOINT command',
  ENV: 'ENV name=value',
  EXPOSE: 'EXPOSE port, as EXPOSE 8080/tcp',
  FROM: 'FROM image, or FROM image AS name',
  HEALTHCHECK: 'HEALTHCHECK CMD command, or HEALTHCHECK NONE',
  LABEL: 'LABEL name=value',
  MAINTAINER: 'LABEL org.opencontainers.image.authors="name" instead, MAINTAINER is deprecated',
  ONBUILD: 'ONBUILD instruction, as ONBUILD COPY . /app',
  RUN: 'RUN command',
  SHELL: 'SHELL ["/bin/bash", "-c"]',
  STOPSIGNAL: 'STOPSIGNAL signal, as STOPSIGNAL SIGINT',
  USER: 'USER name, or USER uid:gid',
  VOLUME: 'VOLUME path, or VOLUME ["path"]',
  WORKDIR: 'WORKDIR path',
} as const;

type Keyword = keyof typeof usage;

const keywords = Object.keys(usage) as readonly Keyword[];

/** The error with a hint, if it has none of its own. */
export function withUsage(error: TsbuildError, keyword: string): TsbuildError {
  const known = keywords.find((name) => name === keyword);
  return error.hinting(
    known === undefined ? `instructions are ${keywords.join(' ')}` : `write ${usage[known]}`,
  );
}

/** Everything but FROM, by keyword. Throws DOCKERFILE_SYNTAX, often without a place. */
export function parseStageInstruction(source: InstructionSource): StageInstruction {
  const { located } = source;
  const keyword = keywordOf(source);
  switch (keyword) {
    case 'FROM':
      throw new Error('FROM is not an instruction of a stage');
    case 'ADD':
      return parseAdd(source);
    case 'ARG':
      return parseArg(source);
    case 'CMD':
      return { ...located, kind: 'cmd', command: parseLaunch(source) };
    case 'COPY':
      return parseCopy(source);
    case 'ENTRYPOINT':
      return { ...located, kind: 'entrypoint', command: parseLaunch(source) };
    case 'ENV':
      return { ...located, kind: 'env', pairs: parsePairs(source) };
    case 'EXPOSE':
      return parseExpose(source);
    case 'HEALTHCHECK':
      return parseHealthcheck(source);
    case 'LABEL':
      return { ...located, kind: 'label', pairs: parsePairs(source) };
    case 'MAINTAINER':
      return { ...located, kind: 'maintainer', name: parseText(source) };
    case 'ONBUILD':
      return { ...located, kind: 'onbuild', trigger: parseOnbuild(source) };
    case 'RUN':
      return parseRun(source);
    case 'SHELL':
      return parseShell(source);
    case 'STOPSIGNAL':
      return { ...located, kind: 'stopsignal', signal: parseText(source) };
    case 'USER':
      return { ...located, kind: 'user', user: parseText(source) };
    case 'VOLUME':
      return parseVolume(source);
    case 'WORKDIR':
      return { ...located, kind: 'workdir', path: parseText(source) };
  }
}

function keywordOf(source: InstructionSource): Keyword {
  const { written } = source.split;
  const keyword = keywords.find((known) => known === source.keyword);
  if (keyword !== undefined) return keyword;
  throw source.at(unknownInstruction(written.text), written.offset, written.text.length);
}

function unknownInstruction(written: string): TsbuildError {
  if (written === '') return syntaxError('a continuation without an instruction');
  const message = `unknown instruction: ${written.length > 100 ? `${written.slice(0, 97)}...` : written}`;
  if (/[\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff]/.test(written)) {
    return syntaxError(
      message,
      'it holds a special blank (such as a non-breaking space): replace it by an ordinary one',
    );
  }
  if (written.startsWith('//')) return syntaxError(message, 'a comment begins with #');
  const near = nearestName(written, keywords);
  return syntaxError(message, near === undefined ? undefined : `did you mean ${near}?`);
}

/** The trigger is checked as if it stood here, so that its mistakes show now and not in the images built upon this one. */
function parseOnbuild(source: InstructionSource): string {
  const { split, heredocs, escape } = source;
  if (split.flags.length > 0) parseText(source);
  if (split.rest.text === '') throw syntaxError('ONBUILD requires at least one argument');
  const inner = splitInstruction(split.line, escape, split.rest.offset);
  if (inner.keyword === 'ONBUILD') throw syntaxError("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (inner.keyword === 'FROM' || inner.keyword === 'MAINTAINER') {
    throw syntaxError(`${inner.keyword} isn't allowed as an ONBUILD trigger`);
  }
  parseStageInstruction({ ...source, keyword: inner.keyword, split: inner });
  return split.rest.text + heredocs.map(({ raw, name }) => `\n${raw}${name}`).join('');
}
