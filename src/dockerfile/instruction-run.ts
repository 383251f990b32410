import { nearestName } from '../core/index.ts';
import { quote } from './characters.ts';
import { shebangScript } from './command.ts';
import { atLeastOne, commandOf, flagsOf, syntaxError, type InstructionSource } from './instruction.ts';
import { csvFields, parseMount } from './mount.ts';
import type { RunInstruction } from './types.ts';

const networks = ['default', 'none', 'host'] as const;
const securities = ['sandbox', 'insecure'] as const;

/** `RUN [--mount=…] [--network=…] [--security=…] [--device=…] command` */
export function parseRun(source: InstructionSource): RunInstruction {
  const flags = flagsOf(source, { mount: 'list', network: 'string', security: 'string', device: 'list' });
  const command = commandOf(source, atLeastOne(source));
  if (command.form === 'exec' && command.argv.length === 0) {
    throw syntaxError('RUN requires at least one argument', 'the array is empty');
  }
  if (command.form === 'shell') {
    const script = shebangScript(command);
    if (script !== undefined && (script.name.includes('/') || script.name === '.' || script.name === '..')) {
      throw syntaxError(
        `the heredoc name ${script.name} is not a file name`,
        'use a plain word as delimiter',
        script.name,
      );
    }
  }
  return {
    ...source.located,
    kind: 'run',
    command,
    mounts: flags.each('mount', parseMount),
    network: flags.each('network', (value) => oneOf('network', value, networks))[0],
    security: flags.each('security', (value) => oneOf('security', value, securities))[0],
    devices: flags.each('device', checkedDevice),
  };
}

function oneOf<T extends string>(flag: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found !== undefined) return found;
  const near = nearestName(value, known);
  const hint = near === undefined ? `expected ${known.join(' or ')}` : `did you mean ${near}?`;
  throw syntaxError(`invalid value ${quote(value)} for flag --${flag}`, hint, value);
}

/** `name[,required[=bool]]` or `name=…`; the device itself is looked up when the step runs. */
function checkedDevice(text: string): string {
  let name: string | undefined;
  for (const field of csvFields(text)) {
    const [key = '', value] = field.split('=', 2);
    if (key.toLowerCase() === 'required') {
      if (value === undefined || /^(?:true|false|[01tf])$/i.test(value)) continue;
      throw syntaxError(`invalid value for required: ${quote(value)}`, 'write true or false', field);
    }
    if (name !== undefined) {
      throw syntaxError(
        `unexpected key ${quote(key)} in --device`,
        'write --device=NAME or --device=NAME,required',
        field,
      );
    }
    name = key.toLowerCase() === 'name' && value !== undefined ? value : field;
  }
  if (name === undefined || name === '')
    throw syntaxError(
      'missing a device name on flag --device',
      'write --device=NAME, as --device=vendor.com/gpu=all',
    );
  return text;
}
