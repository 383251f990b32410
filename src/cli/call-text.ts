import type { CheckFinding, Outline, OutlineMount, Target } from '../dockerfile/index.ts';
import { formatExcerpt } from './excerpt.ts';
import { formatTable } from './table.ts';
import { printable, printableLine } from './terminal-text.ts';

/** Each finding with its lines, as errors show them, and a sum. */
export function checkText(findings: readonly CheckFinding[]): string {
  const parts = findings.map(({ rule, message, detail, at }) => {
    const hint = detail === undefined ? '' : `  hint: ${printable(detail)}\n`;
    return `${formatExcerpt(at)}${rule}: ${printable(message)}\n${hint}\n`;
  });
  const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
  return `${parts.join('')}check complete: ${findings.length === 0 ? 'no findings' : `${count}, explained in docs/checks.md`}\n`;
}

/** What a build can be given, by kind; kinds without anything are left out. */
export function outlineText({ name, description, args, secrets, ssh }: Outline): string {
  const head = [
    ...(name === undefined ? [] : [`TARGET:        ${name}\n`]),
    ...(description === undefined ? [] : [`DESCRIPTION:   ${printableLine(description)}\n`]),
  ];
  const tables = [
    ...(args.length === 0
      ? []
      : [
          formatTable(
            ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
            args.map((arg) => [arg.name, arg.value ?? '', arg.description ?? '']),
          ),
        ]),
    ...mountTable('SECRET', secrets),
    ...mountTable('SSH', ssh),
  ];
  const parts = [...(head.length === 0 ? [] : [head.join('')]), ...tables];
  return parts.length === 0 ? 'nothing to give: no build args, secrets or ssh\n' : parts.join('\n');
}

function mountTable(heading: string, mounts: readonly OutlineMount[]): readonly string[] {
  if (mounts.length === 0) return [];
  const rows = mounts.map(({ name, required }) => [name, required ? 'required' : '']);
  return [formatTable([heading, 'REQUIRED'], rows)];
}

export function targetsText(targets: readonly Target[]): string {
  return formatTable(
    ['TARGET', 'BASE', 'DESCRIPTION'],
    targets.map((target) => {
      const name = target.name ?? '-';
      return [target.default ? `${name} (default)` : name, target.base, target.description ?? ''];
    }),
  );
}
