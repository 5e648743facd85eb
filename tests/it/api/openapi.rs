//! The contract of the service's API, `tests/data/openapi.yaml`, and what follows it and what does not.
//!
//! The contract lets objects have members that it does not name, for the service adds some without notice. What
//! leaves the client is held to more: no member and no parameter that the contract does not name.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use reqwest::Url;
use serde_json::{Map, Value, json};
use stockpoint::sandbox::{RequestRecord, Sandbox};
use yaml_rust2::{Yaml, YamlLoader};

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);

/// Every request that the service got follows the contract: method, path, query, headers, body.
pub(crate) fn assert_requests_follow_contract(sandbox: &Sandbox) {
    let wrong: Vec<String> =
        sandbox.requests().iter().flat_map(|request| CONTRACT.complaints(request)).collect();
    assert!(wrong.is_empty(), "requests that break the contract:\n{}", wrong.join("\n"));
}

/// The contract, read once.
pub(crate) fn contract() -> &'static Contract {
    &CONTRACT
}

pub(crate) struct Contract {
    root: Value,
    operations: Vec<Operation>,
}

/// A method of a path.
pub(crate) struct Operation {
    pub(crate) id: String,
    method: String,
    template: Vec<String>,
    /// By `in` and name.
    parameters: BTreeMap<(String, String), Parameter>,
    body: Option<Validator>,
    /// Status, name and body of every example of an answer.
    pub(crate) examples: Vec<(u16, Value)>,
    has_both_tokens: bool,
}

struct Parameter {
    is_required: bool,
    is_number: bool,
    is_list: bool,
    validator: Validator,
}

impl Contract {
    fn load() -> Self {
        let text = include_str!("../../data/openapi.yaml");
        let root = value(YamlLoader::load_from_str(text).unwrap().pop().unwrap());
        let mut contract = Self { root, operations: Vec::new() };
        let paths = contract.root["paths"].as_object().unwrap().clone();
        for (path, item) in &paths {
            for method in ["get", "post", "put", "delete"] {
                if let Some(node) = item.get(method) {
                    let operation = contract.operation(path, item, method, node);
                    contract.operations.push(operation);
                }
            }
        }
        contract
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation that a request is for: of several templates that fit, the one with the most words in it.
    pub(crate) fn operation_of(&self, method: &str, path: &str) -> Option<&Operation> {
        let fits = |operation: &&Operation| operation.method == method && operation.values(path).is_some();
        let fitting = self.operations.iter().filter(fits);
        fitting
            .max_by_key(|operation| operation.template.iter().filter(|part| !part.starts_with('{')).count())
    }

    fn operation(&self, path: &str, item: &Value, method: &str, node: &Value) -> Operation {
        let lists = [item.get("parameters"), node.get("parameters")];
        let listed = lists.into_iter().flatten().flat_map(|list| list.as_array().unwrap());
        let parameters = listed.map(|parameter| {
            let parameter = self.resolved(parameter);
            let schema = self.strict(&parameter["schema"]);
            let of = if schema["type"] == "array" { &schema["items"] } else { &schema };
            let text = |name: &str| parameter[name].as_str().unwrap().to_owned();
            let is_number = matches!(of["type"].as_str(), Some("integer" | "number"));
            let is_required = parameter["required"] == json!(true);
            let (is_list, validator) = (schema["type"] == "array", jsonschema::validator_for(of).unwrap());
            ((text("in"), text("name")), Parameter { is_required, is_number, is_list, validator })
        });
        let body = node.get("requestBody").map(|body| {
            let schema = self.strict(&self.resolved(body)["content"]["application/json"]["schema"]);
            jsonschema::validator_for(&schema).unwrap()
        });
        Operation {
            id: node["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase(),
            template: path.split('/').map(str::to_owned).collect(),
            parameters: parameters.collect(),
            body,
            examples: self.examples(node),
            has_both_tokens: node.get("security").is_none(),
        }
    }

    fn examples(&self, node: &Value) -> Vec<(u16, Value)> {
        let mut examples = Vec::new();
        for (status, answer) in node["responses"].as_object().unwrap() {
            let content = &self.resolved(answer)["content"]["application/json"];
            let named = content["examples"].as_object().into_iter().flat_map(Map::values);
            let values = content.get("example").into_iter().chain(named.map(|example| &example["value"]));
            examples.extend(values.map(|value| (status.parse().unwrap(), value.clone())));
        }
        examples
    }

    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.root.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => node,
        }
    }

    /// A schema in plain JSON Schema, references put in, its objects closed.
    fn strict(&self, schema: &Value) -> Value {
        let Some(members) = self.resolved(schema).as_object() else { return schema.clone() };
        let mut plain = Map::new();
        for (name, member) in members {
            match name.as_str() {
                "type" | "required" | "enum" | "minimum" | "maximum" | "minItems" | "maxItems" => {
                    plain.insert(name.clone(), member.clone());
                }
                "items" => {
                    plain.insert(name.clone(), self.strict(member));
                }
                "properties" => {
                    let members = member.as_object().unwrap().iter();
                    let strict = members.map(|(name, schema)| (name.clone(), self.strict(schema)));
                    plain.insert(name.clone(), Value::Object(strict.collect()));
                }
                "allOf" => {
                    member.as_array().unwrap().iter().for_each(|part| merge(&mut plain, self.strict(part)));
                }
                "description" | "format" | "example" | "default" => {}
                extension if extension.starts_with("x-") => {}
                unknown => panic!("the contract says {unknown:?}, which this check does not know"),
            }
        }
        if plain.contains_key("properties") {
            plain.insert("additionalProperties".to_owned(), json!(false));
        }
        Value::Object(plain)
    }

    /// What is wrong with a request.
    pub(crate) fn complaints(&self, request: &RequestRecord) -> Vec<String> {
        let mut wrong = Vec::new();
        match self.operation_of(&request.method, &request.path) {
            None => wrong.push("the contract has no such call".to_owned()),
            Some(operation) => {
                self.check_headers(operation, request, &mut wrong);
                operation.check_parameters(request, &mut wrong);
                operation.check_body(request, &mut wrong);
            }
        }
        wrong.into_iter().map(|what| format!("{} {}: {what}", request.method, request.path)).collect()
    }

    fn check_headers(&self, operation: &Operation, request: &RequestRecord, wrong: &mut Vec<String>) {
        let accept = &self.root["x-required-headers"]["Accept"]["value"];
        if json!(request.accept) != *accept {
            wrong.push(format!("Accept is {:?}", request.accept));
        }
        let tokens = if operation.has_both_tokens { "Bearer *, User *" } else { "Bearer *" };
        if request.authorization != tokens {
            wrong.push(format!("Authorization is {:?}", request.authorization));
        }
    }
}

impl Operation {
    /// The values in a path that fits.
    fn values<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.len() != self.template.len() {
            return None;
        }
        let mut values = Vec::new();
        for (expected, part) in self.template.iter().zip(parts) {
            match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => values.push((name, part)),
                None if expected == part => {}
                None => return None,
            }
        }
        Some(values)
    }

    fn check_parameters(&self, request: &RequestRecord, wrong: &mut Vec<String>) {
        let url = Url::parse(&format!("http://contract/?{}", request.query)).unwrap();
        let in_path = self.values(&request.path).unwrap_or_default().into_iter();
        let mut given: Vec<(String, String, String)> =
            in_path.map(|(name, text)| ("path".to_owned(), name.to_owned(), text.to_owned())).collect();
        given.extend(url.query_pairs().map(|(name, text)| ("query".to_owned(), name.into(), text.into())));
        let mut seen = BTreeMap::new();
        for (place, name, text) in given {
            let key = (place, name);
            let Some(parameter) = self.parameters.get(&key) else {
                wrong.push(format!("{key:?} is unknown"));
                continue;
            };
            let instance =
                if parameter.is_number { text.parse().unwrap_or(Value::Null) } else { json!(text) };
            if !parameter.validator.is_valid(&instance) {
                wrong.push(format!("{key:?} is {text:?}"));
            }
            let count = seen.entry(key.clone()).or_insert(0);
            *count += 1;
            if *count > 1 && !parameter.is_list {
                wrong.push(format!("{key:?} is there twice"));
            }
        }
        let missing = self
            .parameters
            .iter()
            .filter(|(key, parameter)| parameter.is_required && !seen.contains_key(*key));
        wrong.extend(missing.map(|(key, _)| format!("{key:?} is missing")));
    }

    fn check_body(&self, request: &RequestRecord, wrong: &mut Vec<String>) {
        let Some(schema) = &self.body else {
            if !request.body.is_empty() {
                wrong.push("it takes no body".to_owned());
            }
            return;
        };
        if request.content_type != "application/json" {
            wrong.push(format!("Content-Type is {:?}", request.content_type));
        }
        match serde_json::from_str::<Value>(&request.body) {
            Err(error) => wrong.push(format!("its body is no JSON: {error}")),
            Ok(body) => {
                let errors = schema.iter_errors(&body);
                wrong.extend(errors.map(|error| format!("{}: {error}", error.instance_path())));
            }
        }
    }
}

/// Adds the members of a part of an `allOf`.
fn merge(into: &mut Map<String, Value>, part: Value) {
    let Value::Object(part) = part else { return };
    for (name, member) in part {
        match (into.get_mut(&name), member) {
            (Some(Value::Object(have)), Value::Object(more)) => have.extend(more),
            (Some(Value::Array(have)), Value::Array(more)) => have.extend(more),
            (_, member) => {
                into.insert(name, member);
            }
        }
    }
}

/// YAML as JSON; a key that YAML reads as a number is text again.
fn value(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Real(digits) => digits.parse().unwrap(),
        Yaml::Integer(number) => json!(number),
        Yaml::String(text) => json!(text),
        Yaml::Boolean(flag) => json!(flag),
        Yaml::Null => Value::Null,
        Yaml::Array(items) => items.into_iter().map(value).collect(),
        Yaml::Hash(members) => {
            let members = members.into_iter().map(|(name, member)| match name {
                Yaml::String(name) => (name, value(member)),
                Yaml::Integer(name) => (name.to_string(), value(member)),
                name => panic!("a key that is no text: {name:?}"),
            });
            Value::Object(members.collect())
        }
        Yaml::Alias(_) | Yaml::BadValue => panic!("the contract is no plain YAML"),
    }
}

/// A good request, as the service logs it.
fn record(method: &str, path: &str, query: &str, body: &str) -> RequestRecord {
    RequestRecord {
        at: jiff::Timestamp::UNIX_EPOCH,
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        accept: "application/vnd.api.v2+json".to_owned(),
        authorization: "Bearer *, User *".to_owned(),
        content_type: if body.is_empty() { String::new() } else { "application/json".to_owned() },
        body: body.to_owned(),
        status: Some(200),
        fault: None,
    }
}

#[test]
fn a_request_that_follows_the_contract_is_not_complained_of() {
    let body = r#"{"title":"Comb","category_id":1,"sale_unit_id":2,"service_unit_id":2,"cost":1.5}"#;
    for good in [
        record("GET", "/goods/4564", "page=1&count=100&term=a+b", ""),
        record("POST", "/goods/4564", "", body),
        record("GET", "/goods_categories/multiple/4564", "ids%5B%5D=1&ids%5B%5D=2", ""),
    ] {
        assert_eq!(contract().complaints(&good), Vec::<String>::new());
    }
}

#[test]
fn each_breach_of_the_contract_is_named() {
    let good = || record("GET", "/goods/4564", "page=1", "");
    let created = |body: &str| record("POST", "/goods/4564", "", body);
    let breaches = [
        (record("PATCH", "/goods/4564", "", ""), "no such call"),
        (record("GET", "/wares/4564", "", ""), "no such call"),
        (record("GET", "/goods/0", "", ""), "location_id"),
        (record("GET", "/goods/4564", "page=0", ""), "page"),
        (record("GET", "/goods/4564", "page=one", ""), "page"),
        (record("GET", "/goods/4564", "barcode=1", ""), "barcode"),
        (record("GET", "/goods/4564", "page=1&page=2", ""), "twice"),
        (record("GET", "/goods/4564", "", "{}"), "no body"),
        (RequestRecord { accept: "*/*".to_owned(), ..good() }, "Accept"),
        (RequestRecord { authorization: "Bearer *".to_owned(), ..good() }, "Authorization"),
        (created(r#"{"title":"Comb"}"#), "category_id"),
        (created(r#"{"title":1,"category_id":1,"sale_unit_id":2,"service_unit_id":2}"#), "/title"),
        (created(r#"{"title":"","category_id":1,"sale_unit_id":2,"service_unit_id":2,"ean":""}"#), "ean"),
        (RequestRecord { content_type: "text/plain".to_owned(), ..created("{}") }, "Content-Type"),
        (created("{"), "no JSON"),
    ];
    for (request, named) in breaches {
        let complaints = contract().complaints(&request).join("; ");
        assert!(complaints.contains(named), "{named}: {complaints}");
    }
}
