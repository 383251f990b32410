import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { TsbuildError } from '../core/index.ts';

/** Of a container's programs, and of the files in its mounts: `user:role:type:level`. */
export interface SelinuxLabels {
  readonly process: string;
  readonly mount: string;
}

/** What `label=` may change. */
type Part = 'user' | 'role' | 'type' | 'level';
const parts: readonly Part[] = ['user', 'role', 'type', 'level'];

/** What the policy of this machine has for containers, where it has anything; selinux(8), lxc_contexts(5). */
function contextFiles(etc: string): readonly string[] {
  return [join(etc, policyOf(etc), 'contexts/lxc_contexts'), '/usr/share/containers/selinux/contexts'];
}

function policyOf(etc: string): string {
  const name = /^\s*SELINUXTYPE\s*=\s*([A-Za-z0-9_.-]+)\s*$/m.exec(readQuietly(join(etc, 'config')))?.[1];
  return name === undefined || name.startsWith('.') ? 'targeted' : name;
}

/**
 * The labels of one container: those of the machine's policy, with two categories of its own, so that containers keep
 * apart, and with what the user asks for (`type:spc_t`, `level:s0:c1,c2`, `filetype:…`). `etc`: where the policies are.
 * Throws HOST_UNSUPPORTED when the policy has none for containers.
 */
export function selinuxLabels(
  asked: readonly string[],
  { id, etc = '/etc/selinux' }: { readonly id: string; readonly etc?: string },
): SelinuxLabels {
  const text =
    contextFiles(etc)
      .map(readQuietly)
      .find((contexts) => contexts !== '') ?? '';
  const process = contextIn(text, 'process');
  const file = contextIn(text, 'file');
  if (process === undefined || file === undefined) {
    throw new TsbuildError(
      'HOST_UNSUPPORTED',
      'the SELinux policy of this machine has no labels for containers',
      {
        hint: 'install container-selinux, or use --security-opt label=disable',
      },
    );
  }
  const own = { level: ownLevel(process.level ?? '', id) };
  const labels = { process: { ...process, ...own }, file: { ...file, ...own } };
  for (const option of asked) {
    const colon = option.indexOf(':');
    const name = option.slice(0, colon);
    const value = option.slice(colon + 1);
    if (name === 'filetype') labels.file.type = value;
    const part = parts.find((each) => each === name);
    if (part === undefined) continue;
    labels.process[part] = value;
    // Files have a role and a type of their own.
    if (part === 'user' || part === 'level') labels.file[part] = value;
  }
  return { process: printContext(labels.process), mount: printContext(labels.file) };
}

type Context = Partial<Record<Part, string>>;

function contextIn(text: string, name: string): Context | undefined {
  const value = new RegExp(`^\\s*${name}\\s*=\\s*"([^"\\n]+)"`, 'm').exec(text)?.[1];
  if (value === undefined) return undefined;
  const [user = '', role = '', type = '', ...level] = value.split(':');
  return { user, role, type, ...(level.length > 0 && { level: level.join(':') }) };
}

function printContext(context: Context): string {
  return parts.flatMap((part) => (context[part] ? [context[part]] : [])).join(':');
}

/** Two different ones of 1024 categories, which the id decides: a restart finds its files as it left them. */
function ownLevel(level: string, id: string): string {
  const [sensitivity = ''] = level.split(':');
  if (sensitivity === '') return '';
  const bytes = createHash('sha256').update(id).digest();
  const first = bytes.readUInt16LE(0) % 1024;
  const second = (first + 1 + (bytes.readUInt16LE(2) % 1023)) % 1024;
  return `${sensitivity}:c${Math.min(first, second)},c${Math.max(first, second)}`;
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, 65_536);
  } catch {
    return '';
  }
}
