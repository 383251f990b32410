import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { tsbuild, tsbuildProgram } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { onTerminal } from '../support/on-terminal.ts';
import { requires } from '../support/requires.ts';

describe('plan in a terminal', () => {
  requires('tool:python3');
  const context = makeContext({
    Dockerfile: `FROM scratch AS files\nCOPY Dockerfile /${'x'.repeat(200)}\nFROM scratch\nCOPY --from=files / /\n`,
  });
  const argv = (...flags: readonly string[]): readonly string[] => [
    ...[tsbuildProgram, '--root', join(context, 'none'), 'plan', ...flags, context],
  ];
  const environment = {
    ...process.env,
    ...{ NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: 'xterm' },
    // Node takes a terminal of a continuous integration service for one without colours.
    ...{ CI: undefined, TEAMCITY_VERSION: undefined },
  };

  it('has colours, and lines that fit', async () => {
    const { output, code } = await onTerminal(argv(), [], environment);
    expect(code).toBe(0);
    expect(output).toContain('\u001b[33mnew\u001b[39m');
    const lines = Buffer.from(output, 'latin1')
      .toString()
      .replaceAll(/\u001b\[\d+m/g, '')
      .split('\r\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(101);
    expect(lines[1]).toMatch(/^└─ new {2}\[1\/1\] COPY Dockerfile \/x+…$/);
    expect(lines[3]).toBe('└─ new  [1/1] COPY --from=files / /  ← [files 1/1]');
  });

  it('has no colours with NO_COLOR and none in a pipe, where no line is cut', async () => {
    const { output } = await onTerminal(argv(), [], { ...environment, NO_COLOR: '1' });
    expect(output).not.toContain('\u001b');
    const piped = await tsbuild(join(context, 'none')).ok(['plan', context]);
    expect(piped).not.toContain('\u001b');
    expect(piped).toContain('x'.repeat(200));
  });
});
