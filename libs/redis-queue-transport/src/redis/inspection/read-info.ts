/** The fields that the reply of INFO has, by name. */
export function readInfo(text: string): Readonly<Record<string, string>> {
  const lines = text.matchAll(/^([^#:\s]+):(.*?)\r?$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}
