import { styleText } from 'node:util';

import { Option, type Command } from 'commander';

import { examples, makeCommand } from '../command.ts';
import type { Paint } from '../doctor/text.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';

export function doctorCommand(status: ExitStatusHolder): Command {
  const command = makeCommand(
    'doctor',
    'Examine this machine: what works, what is lost, what fixes it',
  ).addOption(
    new Option('--format <text|json>', 'for people, or for programs (docs/doctor.md)')
      .choices(['text', 'json'])
      .default('text'),
  );
  command.addHelpText(
    'after',
    examples([
      ['tsbuild doctor', 'can this user build here, with root or without'],
      ['tsbuild doctor --root /mnt/store', 'the same for a store elsewhere'],
      ['tsbuild doctor --format json | jq .ok', 'for programs'],
    ]) + '\n\nThe exit status is 1 when building would fail, and 0 when something is merely lost.',
  );
  return command.action(async ({ format }: { readonly format: 'text' | 'json' }) => {
    const { examine } = await import('../../ops/index.ts');
    const report = await examine(storeRoot(command));
    if (!report.ok) status.code = 1;
    if (format === 'json') {
      const { doctorJson } = await import('../doctor/json.ts');
      process.stdout.write(doctorJson(report));
      return;
    }
    const { doctorText } = await import('../doctor/text.ts');
    const width = process.stdout.isTTY ? process.stdout.columns : undefined;
    process.stdout.write(doctorText(report, { width, paint }));
  });
}

const looks = {
  ok: 'green',
  warning: 'yellow',
  error: 'red',
  skipped: 'dim',
  heading: 'bold',
  dim: 'dim',
  command: 'cyan',
} as const satisfies Readonly<Record<Parameters<Paint>[0], Parameters<typeof styleText>[0]>>;

/** Colours on a terminal that shows them, unless NO_COLOR says otherwise. */
const paint: Paint = (look, text) => styleText(looks[look], text, { stream: process.stdout });
