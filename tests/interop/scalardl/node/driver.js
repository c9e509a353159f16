// The base of Scalar DL's JavaScript SDK over gRPC, driven from outside: one line of JSON asks, one line of JSON answers.
// The base leaves to its user what is here: messages, the transport and the signer.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const protobuf = require('protobufjs');
const {ClientServiceBase} = require('@scalar-labs/scalardl-javascript-sdk-base');

// Fields that the base calls by the names of older days; their numbers are the same.
const OLD_NAMES = {CertHolderId: 'entityId', CertVersion: 'keyVersion'};

// Google's generated classes take their fields through setters and getters, so do these.
class Message {
  constructor(type, fields = {}) {
    this.type = type;
    this.fields = fields;
    return new Proxy(this, {get: (target, name) => target[name] ?? target.accessor(String(name))});
  }

  accessor(name) {
    const parts = /^(set|get)(\w+?)(List)?(_asU8)?$/.exec(name);
    if (!parts) return undefined;
    const field = this.type.fields[OLD_NAMES[parts[2]] ?? parts[2][0].toLowerCase() + parts[2].slice(1)];
    if (!field) throw new Error(`${this.type.name} has no field for ${name}`);
    if (parts[1] === 'set') {
      return (value) => {
        this.fields[field.name] = unwrapped(value);
      };
    }
    return () => wrapped(field.resolve(), this.fields[field.name]);
  }

  serializeBinary() {
    return this.type.encode(this.type.create(this.fields)).finish();
  }

  toObject() {
    return this.type.toObject(this.type.create(this.fields), {defaults: true});
  }
}

function unwrapped(value) {
  if (Array.isArray(value)) return value.map(unwrapped);
  return value instanceof Message ? value.fields : value ?? undefined;
}

function wrapped(field, value) {
  if (field.repeated) return (value ?? []).map((each) => one(field, each));
  return value === undefined || value === null ? field.typeDefault ?? undefined : one(field, value);
}

function one(field, value) {
  return field.resolvedType instanceof protobuf.Type ? new Message(field.resolvedType, value) : value;
}

function messages(root) {
  const classes = {};
  for (const type of root.lookup('rpc').nestedArray.filter((each) => each instanceof protobuf.Type)) {
    classes[type.name] = class {
      constructor() {
        return new Message(type);
      }

      static deserializeBinary(data) {
        return new Message(type, type.decode(data));
      }
    };
  }
  return classes;
}

function connect(root, classes, service, address) {
  const methods = {};
  for (const method of root.lookupService(`rpc.${service}`).methodsArray) {
    const answer = method.responseType.split('.').pop();
    methods[method.name] = {
      path: `/rpc.${service}/${method.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message) => Buffer.from(message.serializeBinary()),
      requestDeserialize: (data) => data,
      responseSerialize: (data) => data,
      responseDeserialize: (data) => (answer === 'Empty' ? {} : classes[answer].deserializeBinary(data)),
    };
    methods[method.name].originalName = method.name[0].toLowerCase() + method.name.slice(1);
  }
  const Client = grpc.makeGenericClientConstructor(methods, service);
  return new Client(address, grpc.credentials.createInsecure());
}

class Driver {
  constructor(root) {
    this.root = root;
    this.classes = messages(root);
    this.services = new Map();
  }

  open(name, given) {
    const own = (key) => given[`scalar.dl.client.${key}`];
    const hmac = own('authentication.method') === 'hmac';
    const read = (key) => fs.readFileSync(own(`entity.identity.digital_signature.${key}`), 'utf8');
    const secret = own('entity.identity.hmac.secret_key');
    const audited = own('auditor.enabled') === 'true';
    const properties = {
      'scalar.dl.client.cert_holder_id': own('entity.id'),
      'scalar.dl.client.cert_version': 1,
      'scalar.dl.client.private_key_pem': hmac ? secret : read('private_key_path'),
      'scalar.dl.client.auditor.enabled': audited,
      'scalar.dl.client.auditor.linearizable_validation.contract_id': 'validate-ledger-v1_1_0',
    };
    if (!hmac) properties['scalar.dl.client.cert_pem'] = read('cert_path');
    const reach = (service, side, port) =>
      connect(this.root, this.classes, service, `${own(`${side}.host`)}:${own(`${side}.${port}`)}`);
    const parts = {
      ledgerClient: reach('Ledger', 'server', 'port'),
      ledgerPrivileged: reach('LedgerPrivileged', 'server', 'privileged_port'),
      signerFactory: {create: (key) => ({sign: async (data) => (hmac ? tag(key, data) : crypto.sign('sha256', data, key))})},
    };
    if (audited) {
      parts.auditorClient = reach('Auditor', 'auditor', 'port');
      parts.auditorPrivileged = reach('AuditorPrivileged', 'auditor', 'privileged_port');
    }
    const service = new ClientServiceBase(parts, this.classes, properties, new grpc.Metadata());
    this.services.set(name, {service, parts, entity: own('entity.id'), secret});
  }

  // Secrets are younger than the base: this call is the adapter's own.
  async registerSecret({service, parts, entity, secret}) {
    const request = new this.classes.SecretRegistrationRequest();
    request.setEntityId(entity);
    request.setKeyVersion(1);
    request.setSecretKey(secret);
    for (const side of [parts.auditorPrivileged, parts.ledgerPrivileged].filter(Boolean)) {
      await service._executePromise(
        new Promise((resolve, reject) => side.registerSecret(request, (error) => (error ? reject(error) : resolve()))),
      );
    }
  }

  async perform(asked) {
    if (asked.do === 'open') {
      this.open(asked.service, asked.properties);
      return {};
    }
    const held = this.services.get(asked.service);
    switch (asked.do) {
      case 'register_certificate':
        await held.service.registerCertificate();
        return {};
      case 'register_secret':
        await this.registerSecret(held);
        return {};
      case 'register_contract': {
        const code = new Uint8Array(Buffer.from(asked.byte_code, 'base64'));
        await held.service.registerContract(asked.id, asked.binary_name, code, asked.properties);
        return {};
      }
      case 'list':
        return {contracts: await held.service.listContracts(asked.id)};
      case 'execute': {
        const done = await held.service.execute(asked.contract, asked.argument, null, null, asked.nonce ?? null);
        return {
          result: done.getContractResult() || null,
          function_result: done.getFunctionResult() || null,
          ledger_proofs: done.getLedgerProofs().map(proof),
          auditor_proofs: done.getAuditorProofs().map(proof),
        };
      }
      case 'validate': {
        const validated = await held.service.validateLedger(asked.asset_id, asked.start_age, asked.end_age);
        return {code: validated.getCode(), ledger_proof: validated.getProof() ? proof(validated.getProof()) : null};
      }
      default:
        throw new Error(asked.do);
    }
  }
}

function proof(given) {
  const text = (bytes) => Buffer.from(bytes ?? []).toString('base64');
  return {
    asset_id: given.getId(),
    age: given.getAge(),
    nonce: given.getNonce(),
    input: given.getInput(),
    hash: text(given.getHash()),
    prev_hash: text(given.getPrevHash()),
    signature: text(given.getSignature()),
  };
}

function tag(secret, data) {
  return crypto.createHmac('sha256', secret).update(data).digest();
}

async function main() {
  const driver = new Driver(protobuf.loadSync(process.argv[2]));
  console.log('ready');
  for await (const line of readline.createInterface({input: process.stdin})) {
    let answer;
    try {
      answer = await driver.perform(JSON.parse(line));
    } catch (error) {
      console.error(error);
      const told = error.constructor.name === 'ClientError';
      answer = told ? {error: {code: error.code, message: error.message}} : {broken: String(error.stack)};
    }
    console.log(JSON.stringify(answer));
  }
  process.exit(0);
}

main();
