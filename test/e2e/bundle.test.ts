import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultCapabilityNames } from '../../src/runtime/defaults.ts';
import { compileSeccomp, defaultSeccompProfile } from '../../src/runtime/index.ts';
import { defaultProfileName } from '../../src/runtime/seccomp/profile.ts';
import { projectRoot } from '../support/paths.ts';

describe.each(['cli.cjs', 'monitor.cjs'])('%s', (name) => {
  const text = readFileSync(join(projectRoot, 'dist', name), 'latin1');

  it.each(['x86_64', 'arm64'] as const)('holds the system call filter that is compiled for %s', (machine) => {
    const profile = defaultSeccompProfile(defaultCapabilityNames);
    const program = compileSeccomp(profile, machine).toString('base64');
    expect(text).toContain(JSON.stringify([`${machine} ${defaultProfileName(profile)}`, program]));
  });
});

describe('cli.cjs', () => {
  const text = readFileSync(join(projectRoot, 'dist/cli.cjs'), 'latin1');

  it('begins with a line that tells its content from every other', () => {
    expect(text).toMatch(/^\/\/ [0-9a-f]{64}\n\(function\(/);
  });

  it('refers to all of its parts by number', () => {
    expect(text).not.toMatch(/chunk[-_][A-Z0-9]{8}/);
    expect(text).toMatch(/"use strict";const \w+=\[\(\w+,\w+\)=>\{/);
  });
});
