import type { Command } from 'commander';

import type { FsckResult } from '../../ops/index.ts';
import { examples, makeCommand } from '../command.ts';
import { formatOption, type ListFormat } from '../list.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { printableLine } from '../terminal-text.ts';
import { withStore } from '../with-store.ts';

export function fsckCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('fsck', 'Examine all that the store holds, to the last byte')
    .option('--repair', 'remove what cannot be trusted: it is built or pulled again')
    .addOption(formatOption());
  command.addHelpText(
    'after',
    examples([
      ['tsbuild fsck', 'says what is damaged or left over; exit status 1 if anything is damaged'],
      ['tsbuild fsck --repair', 'and makes the store whole again'],
    ]),
  );
  return command.action(async (flags: { repair?: boolean; format: ListFormat }) => {
    const { findings } = await withStore(storeRoot(command), async (store) => {
      const { storeCare } = await import('../../ops/index.ts');
      return (await storeCare()).fsck(store, { repair: flags.repair });
    });
    const bad = findings.filter(({ severity, repaired }) => severity === 'damage' && !repaired);
    if (bad.length > 0) status.code = 1;
    process.stdout.write(flags.format === 'json' ? jsonOf(findings) : textOf(findings));
  });
}

type Findings = FsckResult['findings'];

function jsonOf(findings: Findings): string {
  return findings
    .map(({ repair: _, severity, kind, subject, problem, images, hint, repaired }) => {
      const object = { severity, kind, subject, problem, images: images ?? [], hint: hint ?? null, repaired };
      return `${JSON.stringify(object)}\n`;
    })
    .join('');
}

function textOf(findings: Findings): string {
  const lines = findings.map((finding) => {
    const { severity, kind, subject, problem, images = [], repaired } = finding;
    const mark = repaired ? 'repaired' : severity;
    const users = kind === 'blob' && images.length > 0 ? `; part of ${images.join(', ')}` : '';
    const hint = severity === 'damage' && finding.hint !== undefined ? `\n          ${finding.hint}` : '';
    return `${mark.padEnd(8)}  ${kind} ${printableLine(`${subject}: ${problem}${users}`)}${hint}`;
  });
  const damaged = findings.filter(({ severity }) => severity === 'damage').length;
  const summary =
    findings.length === 0
      ? 'the store is whole'
      : `${damaged} damaged, ${findings.length - damaged} left over`;
  return `${[...lines, summary].join('\n')}\n`;
}
