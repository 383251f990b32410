import { TsbuildError } from '../core/index.ts';

/** Of a flag with an optional `=true` or `=false`, as buildah has many; commander gives `true` for the bare one. */
export function parseFlag(name: string): (text: string) => boolean {
  return (text) => {
    if (/^(true|1|t)$/i.test(text)) return true;
    if (/^(false|0|f)$/i.test(text)) return false;
    throw new TsbuildError('USAGE', `${name}: invalid value ${JSON.stringify(text)}`, {
      hint: 'expected true or false',
    });
  };
}
