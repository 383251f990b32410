import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { parseReference } from '../../src/oci/index.ts';
import { registrySettings, type RegistrySettings } from '../../src/registry/index.ts';
import { tempFolder } from './temp-folder.ts';

export interface Machine {
  readonly home: string;
  readonly etc: string;
  readonly settings: (environment?: Readonly<Record<string, string>>) => RegistrySettings;
}

/** A home and an /etc with these files; `~/` and `etc/` begin their names. */
export function machine(files: Readonly<Record<string, string>>): Machine {
  const { path } = tempFolder('machine');
  const [home, etc] = [join(path, 'home'), join(path, 'etc')];
  for (const [name, text] of Object.entries(files)) {
    const target = name.startsWith('~/') ? join(home, name.slice(2)) : join(path, name);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return {
    home,
    etc,
    settings: (environment = {}) => registrySettings({ environment: { HOME: home, ...environment }, etc }),
  };
}

/** `host/repository`, with `!` where it is insecure, and `~registry` for a mirror. */
export function places(settings: RegistrySettings, name: string): readonly string[] {
  return settings.readTo(parseReference(name)).map(({ host, repository, insecure, mirrors }) => {
    const of = mirrors === undefined ? '' : `~${mirrors}`;
    return `${host}/${repository}${insecure ? '!' : ''}${of}`;
  });
}
