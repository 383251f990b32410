import { isDigest, redactUrl, TsbuildError } from '../../core/index.ts';
import { parseGitContext } from '../../dockerfile/index.ts';
import { parsePlatform, parseReference } from '../../oci/index.ts';
import { isFolder, isHttpUrl } from './place.ts';
import type { NamedContext } from './types.ts';

/** `name=value` of --build-context (L-222). Throws USAGE, and the errors of values that are URLs or images. */
export function parseBuildContext(text: string): NamedContext {
  const equals = text.indexOf('=');
  const [name, value] = [text.slice(0, Math.max(equals, 0)), text.slice(equals + 1)];
  if (equals <= 0 || value === '') {
    throw usage(`invalid value ${JSON.stringify(redactUrl(text))}`, 'expected NAME=VALUE');
  }
  checkName(name);
  return { name, source: sourceOf(value) };
}

/** Names stand where image names do, and may be for one platform alone: `name::linux/arm64`. */
function checkName(name: string): void {
  const at = name.lastIndexOf('::');
  try {
    parseReference((at < 0 ? name : name.slice(0, at)).toLowerCase());
    if (at >= 0) parsePlatform(name.slice(at + 2));
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    const message = `${JSON.stringify(name)} cannot be the name of a context: ${error.message}`;
    throw new TsbuildError('USAGE', `--build-context: ${message}`, { hint: error.hint, cause: error });
  }
}

function sourceOf(value: string): NamedContext['source'] {
  const [, scheme, rest = ''] = /^([a-z][a-z-]*):(?:\/\/)?(.*)$/s.exec(value) ?? [];
  switch (scheme) {
    case 'docker-image':
      if (rest !== 'scratch') parseReference(rest);
      return { kind: 'image', reference: rest };
    case 'oci-layout':
      return { kind: 'layout', ...layoutOf(rest) };
    case 'target':
    case 'input':
      throw usage(
        `${scheme}: names a target of a bake file, and there is none here`,
        'write the name of a stage into the Dockerfile, or give a folder, image or URL',
      );
    case undefined:
    default:
      return folderOrRemote(value);
  }
}

function folderOrRemote(value: string): NamedContext['source'] {
  const path = { kind: 'folder', path: value } as const;
  if (isFolder(value)) return path;
  const git = parseGitContext(value);
  if (git !== undefined) return { kind: 'git', source: git };
  return isHttpUrl(value) ? { kind: 'http', source: { url: value } } : path;
}

/** `path[:tag][@digest]`; the digest decides where both are there. */
function layoutOf(text: string): { readonly path: string; readonly reference?: string | undefined } {
  const at = text.indexOf('@');
  const [before, digest] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  if (digest !== undefined && !isDigest(digest)) throw usage(`${JSON.stringify(digest)} is not a digest`);
  const [, path = before, tag] = /^(.*):([^/:]*)$/s.exec(before) ?? [];
  if (path === '' || tag === '') {
    throw usage(`oci-layout://${text} lacks a path or a tag`, 'expected oci-layout://PATH[:TAG][@DIGEST]');
  }
  return { path, reference: digest ?? tag };
}

function usage(message: string, hint?: string): TsbuildError {
  return new TsbuildError('USAGE', `--build-context: ${message}`, { hint });
}
