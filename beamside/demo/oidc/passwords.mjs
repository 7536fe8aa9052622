// Passwords are kept as scrypt hashes (RFC 7914) with Node's default cost; the clear text lives in the user's file only.

import { scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const LENGTH = 32;
const NOBODY = { salt: 'AAAAAAAAAAAAAAAAAAAAAA', hash: Buffer.alloc(LENGTH).toString('base64url') };

/** Whether `password` is the stored one; an unknown login costs the same time as a wrong password. */
export async function passwordMatches(password, stored) {
  const { salt, hash } = stored ?? NOBODY;
  const found = await promisify(scrypt)(password, Buffer.from(salt, 'base64url'), LENGTH);
  return timingSafeEqual(found, Buffer.from(hash, 'base64url')) && stored !== undefined;
}
