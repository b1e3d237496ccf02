/**
 * Content types are stored with a value and come back as a header, so what cannot be a header is refused when it is
 * written: over 255 characters, anything but printable ASCII, or no `type/subtype` at its front.
 */
import { invalid } from './problem.ts';

const shape = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+[\x20-\x7e]*$/;

/** `text`, once it is known to be a content type. @throws `INVALID_ARGUMENT` */
export function contentTypeOf(text: string): string {
  if (text.length > 255 || !shape.test(text))
    throw invalid('the content type is not one, such as text/plain or application/json; at most 255 characters');
  return text;
}
