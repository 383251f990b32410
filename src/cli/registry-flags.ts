import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import { collect } from './command.ts';
import type { CommandName } from './commands/index.ts';

interface RegistryFlags {
  readonly insecureRegistry?: readonly string[];
  readonly tlsVerify?: 'true' | 'false';
  readonly certDir?: string;
  readonly authfile?: string;
  readonly retry?: string;
  readonly retryDelay?: string;
}

const makers = {
  insecure: () =>
    new Option(
      '--insecure-registry <host>',
      'speak plain http to this registry, or take any certificate of it; repeatable',
    ).argParser(collect),
  tlsVerify: () =>
    new Option(
      '--tls-verify <true|false>',
      'false: the same for the registry of the name; true: https alone, whatever is configured',
    ).choices(['true', 'false']),
  certDir: () => new Option('--cert-dir <folder>', 'certificates for the registry, as in certs.d'),
  authFile: () => new Option('--authfile <file>', 'credentials of registries, instead of those of docker'),
  retry: () =>
    new Option('--retry <times>', 'how often what failed at a registry is tried again (default: 5)'),
  retryDelay: () =>
    new Option('--retry-delay <time>', 'time between two tries (default: 0.5s, doubling to 10s)'),
} as const;
type Flag = keyof typeof makers;

const several: readonly Flag[] = ['insecure', 'tlsVerify', 'authFile', 'retry', 'retryDelay'];
const one: readonly Flag[] = [...several, 'certDir'];

/** Commands that speak to registries. A folder of certificates goes with those that speak to one. */
const speaking: Partial<Record<CommandName, readonly Flag[]>> = {
  build: several,
  create: several,
  inspect: several,
  lock: several,
  login: ['insecure', 'tlsVerify', 'certDir', 'authFile'],
  logout: ['authFile'],
  manifest: one,
  plan: several,
  pull: one,
  push: one,
  rmi: several,
  run: several,
  tags: one,
};

/** The flags about registries, where the command is one that speaks to them; its sub-commands have them, too. */
export function addRegistryFlags(command: Command, name: CommandName): void {
  for (const each of command.commands.length === 0 ? [command] : command.commands) {
    // Most of `manifest` speaks to the store alone.
    const speaks = name !== 'manifest' || ['inspect', 'push'].includes(each.name());
    const flags = speaks ? (speaking[name] ?? []) : (['insecure'] as const);
    for (const flag of flags) each.addOption(makers[flag]().helpGroup('Registry options:'));
  }
}

/** Puts what the flags say where every part of the command finds it: into the environment of this process. */
export async function applyRegistryFlags(command: Command): Promise<void> {
  const flags = command.opts<RegistryFlags>();
  const { insecureRegistry = [], tlsVerify, certDir, authfile, retry, retryDelay } = flags;
  const given = [tlsVerify, certDir, authfile, retry, retryDelay].some((value) => value !== undefined);
  if (!given && insecureRegistry.length === 0) return;

  const { registryVariables: variables } = await import('../registry/index.ts');
  const set = (name: keyof typeof variables, value: string): void => {
    process.env[variables[name]] = value;
  };
  for (const host of insecureRegistry) checkHost(host);
  if (tlsVerify === 'true' && insecureRegistry.length > 0)
    throw new TsbuildError('USAGE', '--tls-verify and --insecure-registry exclude each other');
  const insecure = [...insecureRegistry, ...(tlsVerify === 'false' ? await namedHosts(command) : [])];
  if (insecure.length > 0) {
    set(
      'insecure',
      [process.env[variables.insecure] ?? '', ...insecure].filter((host) => host !== '').join(','),
    );
  }
  if (tlsVerify === 'true') set('tlsVerify', '1');
  if (certDir !== undefined)
    set('certificates', `${(await namedHosts(command))[0] ?? ''}=${resolve(certDir)}`);
  if (authfile !== undefined) set('authFile', authFile(authfile, command.name()));
  if (retry !== undefined) set('retry', String(wholeNumber(retry)));
  if (retryDelay !== undefined) set('retryDelay', String(await milliseconds(retryDelay)));
}

function checkHost(host: string): void {
  if (/^[A-Za-z0-9[][A-Za-z0-9.:[\]-]*$/.test(host)) return;
  throw new TsbuildError('USAGE', `not the host of a registry: ${JSON.stringify(host.slice(0, 200))}`, {
    hint: 'write it as in names of images, with its port: registry.example.com:5000',
  });
}

/** The registries of the names that the command is given: that a certificate is not checked is never said of all (S-64). */
async function namedHosts(command: Command): Promise<readonly string[]> {
  const { parseReference } = await import('../oci/index.ts');
  return namesOf(command).map((name) => parseReference(name.replace(/^docker:\/\//, '')).registry);
}

function namesOf(command: Command): readonly string[] {
  const { args } = command;
  switch (command.name()) {
    case 'build':
    case 'lock':
    case 'plan':
      throw new TsbuildError('USAGE', `--tls-verify=false does not say of which registry`, {
        hint: 'name each one that is not to be checked: --insecure-registry HOST[:PORT]',
      });
    case 'login':
      return [`${(args[0] ?? 'docker.io').replace(/^https?:\/\//, '').replace(/\/.*$/, '')}/x`];
    case 'inspect':
    case 'rmi':
      return args;
    case 'push':
      // Of an index that is pushed by another name.
      return args.slice(-1);
    default:
      return args.slice(0, 1);
  }
}

function authFile(path: string, command: string): string {
  const whole = resolve(path);
  // A login makes the file. For others a name that is wrong would mean that nobody is logged in.
  if (command === 'login' || existsSync(whole)) return whole;
  throw new TsbuildError('CREDENTIALS_INVALID', `there is no file ${path} of credentials`, {
    hint: 'tsbuild login --authfile FILE makes one',
  });
}

function wholeNumber(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new TsbuildError('USAGE', `--retry: invalid value ${JSON.stringify(text.slice(0, 40))}`, {
    hint: 'expected how often, as 3; 0 for never',
  });
}

async function milliseconds(text: string): Promise<number> {
  const { parseDuration } = await import('../dockerfile/index.ts');
  const found = parseDuration(text);
  if (found !== undefined && found >= 0 && found <= 3_600e9) return Math.round(found / 1e6);
  throw new TsbuildError('USAGE', `--retry-delay: invalid value ${JSON.stringify(text.slice(0, 40))}`, {
    hint: 'expected a time such as 2s or 500ms, at most 1h',
  });
}

/** One line on standard error for what a registry or a mirror of it has to say. */
export function tellWarning(message: string): void {
  process.stderr.write(`warning: ${message}\n`);
}
