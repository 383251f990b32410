import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf, digestParts } from '../../src/core/index.ts';
import { awsSettings } from '../../src/object-store/s3-keys.ts';
import { emptyPayload, encodePath, signedHeaders } from '../../src/object-store/s3-sign.ts';
import { stringToSign } from '../../src/object-store/azure-blob.ts';
import { s3Keys } from '../support/cache-services.ts';
import { tempFolder } from '../support/temp-folder.ts';

const host = 'https://examplebucket.s3.amazonaws.com';

/** "Examples: Signature Calculations" of the Amazon S3 API reference. */
const published = [
  {
    ...{ method: 'GET', path: '/test.txt', headers: { range: 'bytes=0-9' }, payload: emptyPayload },
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    ...{ method: 'PUT', path: `/${encodePath('test$file.text')}` },
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    payload: digestParts(digestOf('Welcome to Amazon S3.')).hex,
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    ...{ method: 'GET', path: '/?lifecycle', headers: {}, payload: emptyPayload },
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    ...{ method: 'GET', path: '/?max-keys=2&prefix=J', headers: {}, payload: emptyPayload },
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
];

describe('signatures', () => {
  it.each(published)('O-14 $method $path, as Amazon publishes it', ({ path, signature, ...rest }) => {
    const { authorization } = signedHeaders({
      ...{ ...rest, url: new URL(`${host}${path}`), region: 'us-east-1', now: new Date('2013-05-24') },
      keys: { ...s3Keys, sessionToken: undefined },
    });
    expect(authorization).toMatch(new RegExp(`Signature=${signature}$`));
  });

  it('O-15 what is signed for Azure, as its reference has it', () => {
    // "Shared Key authorization", the example of a GET of a container's metadata.
    const headers = { 'x-ms-date': 'Fri, 26 Jun 2015 23:39:12 GMT', 'x-ms-version': '2015-02-21' };
    const url = new URL(
      'http://myaccount.blob.core.windows.net/mycontainer?comp=metadata&restype=container&timeout=20',
    );
    expect(stringToSign({ method: 'GET', url, headers, size: 0, account: 'myaccount' })).toBe(
      'GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20',
    );
  });
});

describe('keys and regions of S3', () => {
  const home = tempFolder('home').path;
  mkdirSync(join(home, '.aws'));
  writeFileSync(
    join(home, '.aws/credentials'),
    '[default]\naws_access_key_id = file\naws_secret_access_key = s\n\n[ci]\naws_access_key_id=ci\naws_secret_access_key=c\naws_session_token=t\n',
  );
  writeFileSync(
    join(home, '.aws/config'),
    '# region = no\n[default]\ns3 =\n  region = nested\nregion = eu-west-1\n[profile ci]\nregion=eu-west-2\n',
  );
  const wish = { keys: undefined, region: undefined, endpoint: undefined };

  it.each([
    ['the default profile', {}, {}, ['file', undefined, 'eu-west-1']],
    ['a profile by name', {}, { AWS_PROFILE: 'ci' }, ['ci', 't', 'eu-west-2']],
    [
      'the environment before the files',
      {},
      { AWS_ACCESS_KEY_ID: 'env', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: '' },
      ['env', undefined, 'eu-west-1'],
    ],
    [
      'what was given before all',
      { keys: { ...s3Keys, sessionToken: undefined }, region: 'r' },
      { AWS_ACCESS_KEY_ID: 'env', AWS_SECRET_ACCESS_KEY: 's' },
      [s3Keys.accessKeyId, undefined, 'r'],
    ],
    [
      'any region of a service that has none',
      { endpoint: 'http://s3' },
      { AWS_CONFIG_FILE: '/dev/null' },
      ['file', undefined, 'us-east-1'],
    ],
  ])('O-14 %s', (_name, given, environment, expected) => {
    const { keys, region } = awsSettings({ ...wish, ...given }, { HOME: home, ...environment });
    expect([keys.accessKeyId, keys.sessionToken, region]).toEqual(expected);
  });

  it('O-14 says what is missing', () => {
    const none = { HOME: join(home, 'nobody') };
    expect(() => awsSettings(wish, none)).toThrow('no credentials for S3 are known');
    const keys = { ...s3Keys, sessionToken: undefined };
    expect(() => awsSettings({ ...wish, keys }, none)).toThrow('the region of the bucket is not known');
  });
});
