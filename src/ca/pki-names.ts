/**
 * Names and extensions as pkijs wants them, for certificates and for requests.
 *
 * @module
 */
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { NAME_TYPE, OID } from "./pki-oid.ts";

export function toName(
  attributes: readonly (readonly [oid: string, value: string])[],
): pkijs.RelativeDistinguishedNames {
  const typesAndValues = attributes.map(([type, value]) => {
    const text = type === OID.serialNumber ? new asn1js.PrintableString({ value }) : new asn1js.Utf8String({ value });
    return new pkijs.AttributeTypeAndValue({ type, value: text });
  });
  if (typesAndValues.length === 1) return new pkijs.RelativeDistinguishedNames({ typesAndValues });
  // Through DER and back: built from several, pkijs would put all of them into one set, which is another name.
  const sets = typesAndValues.map((one) => new asn1js.Set({ value: [one.toSchema()] }));
  const { result } = asn1js.fromBER(new asn1js.Sequence({ value: sets }).toBER());
  return new pkijs.RelativeDistinguishedNames({ schema: result });
}

export function extension(extnID: string, value: asn1js.BaseBlock, { critical = false } = {}): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });
}

export function alternativeNames({
  dnsSans,
  uriSans,
}: {
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
}): asn1js.Sequence {
  const names = [
    ...dnsSans.map((value) => new pkijs.GeneralName({ type: NAME_TYPE.dns, value })),
    ...uriSans.map((value) => new pkijs.GeneralName({ type: NAME_TYPE.uri, value })),
  ];
  return new pkijs.GeneralNames({ names }).toSchema();
}
