# What a service that follows a secret must be allowed, and no more.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.0" }
  }
}

variable "secret_name" {
  description = "The secret that has the database login."
  type        = string
}

variable "kms_key_arn" {
  description = "The customer managed key that encrypts it; empty for the account's aws/secretsmanager, which needs no permission."
  type        = string
  default     = ""
}

variable "service_role" {
  description = "The name of the IAM role that the service runs as."
  type        = string
}

variable "read_pending" {
  description = "Whether the service may ask for AWSPENDING, which heals rotations of a single user. No protection: versions can be read by their ids."
  type        = bool
  default     = true
}

data "aws_secretsmanager_secret" "login" {
  name = var.secret_name
}

data "aws_iam_policy_document" "login" {
  statement {
    sid       = "ReadTheLogin"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = [data.aws_secretsmanager_secret.login.arn]
  }

  dynamic "statement" {
    for_each = var.read_pending ? [] : [1]
    content {
      sid       = "NotThePendingOne"
      effect    = "Deny"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [data.aws_secretsmanager_secret.login.arn]
      condition {
        test     = "StringEquals"
        variable = "secretsmanager:VersionStage"
        values   = ["AWSPENDING"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]
    content {
      sid       = "DecryptIt"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["secretsmanager.*.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "login" {
  name   = "read-database-login"
  role   = var.service_role
  policy = data.aws_iam_policy_document.login.json
}
