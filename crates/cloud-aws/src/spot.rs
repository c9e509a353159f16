//! Spot instances, and the requests behind them, which could start others.

use trustkeep_cloud::{Machine, MachineState, Result};

use crate::provider::{Market, Visit};
use crate::tags;

/// The states in which a request has an instance or may still start one.
const LIVE: [&str; 3] = ["open", "active", "disabled"];

impl Visit<'_> {
    /// The parameters of RunInstances that ask for a spot instance; none on demand.
    ///
    /// # Errors
    /// [`trustkeep_cloud::Kind::Invalid`] for what EC2 does not offer.
    pub(crate) fn market(&self) -> Result<Vec<(&'static str, String)>> {
        if self.aws.market == Market::OnDemand {
            return Ok(Vec::new());
        }
        if self.place.number("block_duration_minutes").is_some_and(|minutes| minutes > 0) {
            let text = "AWS no longer sells spot instances for a fixed time: set block_duration_minutes to 0";
            return Err(self.invalid(text));
        }
        let mut parameters = vec![("InstanceMarketOptions.MarketType", "spot".to_owned())];
        match self.place.text("spot_type").unwrap_or("one-time") {
            "one-time" => {
                parameters.push(("InstanceMarketOptions.SpotOptions.SpotInstanceType", "one-time".into()));
            }
            // When AWS takes the capacity back it is stopped, and started again when there is some.
            "persistent" => parameters.extend([
                ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent".into()),
                ("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior", "stop".into()),
            ]),
            other => return Err(self.invalid(format!("spot_type is {other:?}: give one-time or persistent"))),
        }
        if let Some(price) = self.price()? {
            parameters.push(("InstanceMarketOptions.SpotOptions.MaxPrice", price));
        }
        Ok(parameters)
    }

    /// In US dollars an hour; without one the on-demand price is the limit.
    fn price(&self) -> Result<Option<String>> {
        let price = match self.place.params.get("spot_price") {
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => match self.place.text("spot_price") {
                Some(text) => text.trim().to_owned(),
                None => return Ok(None),
            },
        };
        match price.parse::<f64>() {
            Ok(dollars) if dollars.is_finite() && dollars > 0.0 => Ok(Some(price)),
            _ => Err(self.invalid(format!(
                "spot_price is {price:?}: give US dollars an hour, as \"0.05\", or nothing"
            ))),
        }
    }

    /// Cancels the requests of a token and gives the instances that they started: a persistent request would start
    /// another one when its instance ends.
    pub(crate) async fn cancel_spot_requests(&self, token: &str) -> Result<Vec<String>> {
        let (node, owner) = (format!("tag:{}", tags::NODE), format!("tag:{}", tags::OWNER));
        let filters: [(&str, &[&str]); 3] =
            [(&node, &[token]), (&owner, &[&self.site.owner]), ("state", &LIVE)];
        let tagged = self.ec2.spot_requests(&filters).await?;
        let ids: Vec<&str> = tagged.iter().map(|request| request.spot_instance_request_id.as_str()).collect();
        if !ids.is_empty() {
            self.ec2.cancel_spot_requests(&ids).await?;
        }
        Ok(tagged.into_iter().filter_map(|request| request.instance_id).filter(|id| !id.is_empty()).collect())
    }

    /// Requests of an owner behind none of these machines: they may still start one.
    pub(crate) async fn spot_requests_without(
        &self,
        owner: &str,
        machines: &[Machine],
    ) -> Result<Vec<Machine>> {
        let tag = format!("tag:{}", tags::OWNER);
        let requests = self.ec2.spot_requests(&[(&tag, &[owner]), ("state", &LIVE)]).await?;
        let without = requests.into_iter().filter(|request| {
            let token = request.tag_set.value(tags::NODE);
            !machines.iter().any(|machine| {
                Some(&machine.id) == request.instance_id.as_ref()
                    || (!token.is_empty() && machine.token == token)
            })
        });
        Ok(without
            .map(|request| Machine {
                token: request.tag_set.value(tags::NODE).to_owned(),
                id: request.spot_instance_request_id,
                state: MachineState::Pending,
                address: None,
                volumes: Vec::new(),
                launched_at: None,
                reason: request.status.map(|status| format!("{}: {}", status.code, status.message)),
            })
            .collect())
    }
}
