import { listWords, quote, trim } from './characters.ts';
import { compareBytes, fromText } from '../core/index.ts';
import { parseDuration } from './duration.ts';
import {
  atLeastOne,
  commandOf,
  exactlyOne,
  flagsOf,
  syntaxError,
  type InstructionSource,
} from './instruction.ts';
import { jsonStrings, quotedWords } from './words.ts';
import type {
  ArgInstruction,
  ExposeInstruction,
  FromInstruction,
  HealthcheckInstruction,
  NameValue,
  ShellInstruction,
  VolumeInstruction,
} from './types.ts';

/** `FROM [--platform=…] image [AS name]`, with the name of the stage, in lower case. */
export function parseFrom(source: InstructionSource): {
  readonly from: FromInstruction;
  readonly name?: string | undefined;
} {
  const platform = flagsOf(source, { platform: 'string' }).string('platform');
  const [image, as, written, ...more] = listWords(source.split.rest.text);
  const single = image !== undefined && as === undefined;
  const named = as?.toLowerCase() === 'as' && written !== undefined && more.length === 0;
  if (image === undefined || !(single || named)) {
    throw syntaxError(
      'FROM requires either one or three arguments',
      'write FROM image, or FROM image AS name',
    );
  }
  const name = written?.toLowerCase();
  if (name !== undefined && !/^[a-z][a-z0-9\-_.]*$/.test(name)) {
    throw syntaxError(
      `invalid name for build stage: ${quote(written ?? '')}`,
      'a stage name begins with a letter and holds letters, digits, - _ and . only',
      written,
    );
  }
  return { from: { ...source.located, kind: 'from', image, platform }, name };
}

/** `ARG name[=value]…` */
export function parseArg(source: InstructionSource): ArgInstruction {
  flagsOf(source);
  const args = quotedWords(atLeastOne(source), source.escape).map((word) => {
    const equals = word.indexOf('=');
    if (equals === 0) throw blankName('ARG', word);
    if (equals < 0) return { name: word };
    return { name: word.slice(0, equals), value: word.slice(equals + 1) };
  });
  if (args.length === 0) throw syntaxError('ARG requires at least one argument');
  return { ...source.located, kind: 'arg', args };
}

function blankName(keyword: string, word: string) {
  return syntaxError(`${keyword} names can not be blank`, 'there must be a name before the =', word);
}

/** ENV and LABEL: `name=value…`, or the old `name rest of the line`; the first word decides. */
export function parsePairs(source: InstructionSource): readonly NameValue[] {
  flagsOf(source);
  const { keyword, escape } = source;
  const rest = atLeastOne(source);
  const words = quotedWords(rest, escape);
  if (words[0]?.includes('=') !== true) {
    const [, name = '', value] = /^([^\t\v\f\r ]*)(?:[\t\v\f\r ]+([^]*))?$/.exec(rest) ?? [];
    if (value === undefined)
      throw syntaxError(`${keyword} must have two arguments`, `write ${keyword} ${name}=value`);
    return [{ name, value }];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0) {
      throw syntaxError(
        `syntax error - can't find = in ${quote(word)}, must be of the form: name=value`,
        'put a value that holds blanks in double quotes',
        word,
      );
    }
    if (equals === 0) throw blankName(keyword, word);
    return { name: word.slice(0, equals), value: word.slice(equals + 1) };
  });
}

/** `EXPOSE port[/protocol]…`, words in byte order. */
export function parseExpose(source: InstructionSource): ExposeInstruction {
  flagsOf(source);
  const ports = [...listWords(atLeastOne(source))].sort((a, b) => compareBytes(fromText(a), fromText(b)));
  return { ...source.located, kind: 'expose', ports };
}

/** `VOLUME path…` or `VOLUME ["path", …]` */
export function parseVolume(source: InstructionSource): VolumeInstruction {
  flagsOf(source);
  const rest = atLeastOne(source);
  const paths = (jsonStrings(rest) ?? listWords(rest)).map(trim);
  if (paths.length === 0) throw syntaxError('VOLUME requires at least one argument', 'the array is empty');
  if (paths.includes('')) throw syntaxError('VOLUME specified can not be an empty string');
  return { ...source.located, kind: 'volume', paths };
}

/** `SHELL ["program", "argument"…]` */
export function parseShell(source: InstructionSource): ShellInstruction {
  flagsOf(source);
  const argv = jsonStrings(atLeastOne(source));
  if (argv === undefined) {
    throw syntaxError('SHELL requires the arguments to be in JSON form', 'write SHELL ["/bin/bash", "-c"]');
  }
  if (argv.length === 0) throw syntaxError('SHELL requires at least one argument', 'the array is empty');
  return { ...source.located, kind: 'shell', argv };
}

const healthFlags = {
  interval: 'string',
  timeout: 'string',
  'start-period': 'string',
  'start-interval': 'string',
  retries: 'string',
} as const;

/** `HEALTHCHECK NONE` or `HEALTHCHECK [--interval=…] … CMD command` */
export function parseHealthcheck(source: InstructionSource): HealthcheckInstruction {
  const flags = flagsOf(source, healthFlags);
  const [, type = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(atLeastOne(source)) ?? [];
  if (type.toUpperCase() === 'NONE') {
    if (rest !== '') throw syntaxError('HEALTHCHECK NONE takes no arguments', 'write HEALTHCHECK NONE', rest);
    return { ...source.located, kind: 'healthcheck', test: { form: 'none' } };
  }
  if (type.toUpperCase() !== 'CMD') {
    throw syntaxError(
      `unknown type ${quote(type)} in HEALTHCHECK (try CMD)`,
      'write HEALTHCHECK CMD command',
      type,
    );
  }
  const test = commandOf(source, rest);
  if (test.form === 'shell' ? test.text === '' : test.argv.length === 0) {
    throw syntaxError('missing command after HEALTHCHECK CMD');
  }
  const duration = (flag: string) => flags.each(flag, (text) => durationOf(flag, text))[0];
  return {
    ...source.located,
    kind: 'healthcheck',
    test,
    interval: duration('interval'),
    timeout: duration('timeout'),
    startPeriod: duration('start-period'),
    startInterval: duration('start-interval'),
    retries: flags.each('retries', retriesOf)[0],
  };
}

/** Zero is the default of the runtime, like an absent flag. */
function durationOf(flag: string, text: string): number | undefined {
  if (text === '') return undefined;
  const value = parseDuration(text);
  if (value === undefined) {
    throw syntaxError(
      `invalid duration ${quote(text)} for flag --${flag}`,
      'write a number with a unit, as 30s or 1m30s',
    );
  }
  if (value === 0) return undefined;
  if (value < 1_000_000)
    throw syntaxError(`interval --${flag} cannot be less than 1ms: ${quote(text)}`, '0 means the default');
  return value;
}

function retriesOf(text: string): number | undefined {
  if (text === '') return undefined;
  const value = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value < 0)
    throw syntaxError(`--retries cannot be negative (${value})`, 'write a number, as --retries=3');
  if (Number.isNaN(value) || value > 0x7fff_ffff)
    throw syntaxError(`invalid number ${quote(text)} for flag --retries`, 'write a number, as --retries=3');
  return value === 0 ? undefined : value;
}

/** CMD and ENTRYPOINT. */
export function parseLaunch(source: InstructionSource) {
  flagsOf(source);
  return commandOf(source, atLeastOne(source));
}

/** USER, WORKDIR, STOPSIGNAL and MAINTAINER. */
export function parseText(source: InstructionSource): string {
  flagsOf(source);
  return exactlyOne(source);
}
