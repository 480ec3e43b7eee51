/** Ids of shapes. The SDK's own would draw the SDK into another file, which phones fetch before they join. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
